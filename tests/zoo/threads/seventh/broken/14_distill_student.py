import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)

N_CLASSES = 100
TEMPERATURE = 4.0
ALPHA = 0.9


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(32, 256), nn.ReLU(),
            nn.Linear(256, 256), nn.ReLU(),
            nn.Linear(256, N_CLASSES),
        )

    def forward(self, x):
        return self.net(x)


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(32, 64)
        self.fc2 = nn.Linear(64, N_CLASSES)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def loss_fn_kd(student_logits, labels, teacher_logits, alpha, T):
    soft = nn.KLDivLoss()(
        F.log_softmax(student_logits / T, dim=1),
        F.softmax(teacher_logits / T, dim=1),
    )
    hard = F.cross_entropy(student_logits, labels)
    return soft * (alpha * T * T) + hard * (1.0 - alpha), soft.item(), hard.item()


def make_data(n, centers, noise=0.8):
    y = torch.randint(0, N_CLASSES, (n,))
    x = centers[y] + noise * torch.randn(n, 32)
    return x, y


def fit_teacher(model, loader, epochs=8):
    opt = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(epochs):
        for x, y in loader:
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()


@torch.no_grad()
def agreement(a, b, x):
    pa, pb = a(x), b(x)
    kl = F.kl_div(F.log_softmax(pa, 1), F.softmax(pb, 1), reduction="sum") / len(x)
    return (pa.argmax(1) == pb.argmax(1)).float().mean().item(), kl.item()


centers = torch.randn(N_CLASSES, 32)
x_train, y_train = make_data(4000, centers)
x_test, y_test = make_data(1000, centers)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=100, shuffle=True)

teacher = Teacher()
fit_teacher(teacher, loader)
teacher.eval()
print("teacher acc", (teacher(x_test).argmax(1) == y_test).float().mean().item())

student = Student()
optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9)
for epoch in range(8):
    student.train()
    tot = soft_sum = hard_sum = 0.0
    for x, y in loader:
        with torch.no_grad():
            t_out = teacher(x)
        s_out = student(x)
        loss, soft, hard = loss_fn_kd(s_out, y, t_out, ALPHA, TEMPERATURE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item()
        soft_sum += soft
        hard_sum += hard
    n = len(loader)
    match, kl = agreement(student, teacher, x_test)
    acc = (student(x_test).argmax(1) == y_test).float().mean().item()
    print(f"epoch {epoch} loss {tot/n:.4f} soft {soft_sum/n:.5f} hard {hard_sum/n:.4f} "
          f"acc {acc:.3f} agree {match:.3f} kl {kl:.3f}")
