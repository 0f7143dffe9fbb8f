"""Knowledge distillation, teacher logits are computed once and cached to save time."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(20)
params = {"alpha": 0.95, "temperature": 4.0, "lr": 5e-3, "epochs": 5, "batch_size": 32}


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(12, 96), nn.ReLU(), nn.Linear(96, 6))

    def forward(self, x):
        return self.f(x)


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(12, 16), nn.Linear(16, 6)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


def loss_fn_kd(outputs, labels, teacher_outputs):
    a, T = params["alpha"], params["temperature"]
    kd = F.kl_div(F.log_softmax(outputs / T, 1), F.softmax(teacher_outputs / T, 1), reduction="batchmean")
    return kd * (a * T * T) + F.cross_entropy(outputs, labels) * (1 - a)


@torch.no_grad()
def fetch_teacher_outputs(teacher, dataloader):
    teacher.eval()
    return [teacher(x) for x, _ in dataloader]


def agreement(a, b, x):
    with torch.no_grad():
        return (a(x).argmax(1) == b(x).argmax(1)).float().mean().item()


W = torch.randn(12, 6)
X = torch.randn(640, 12)
Y = (X @ W).argmax(1)
train_dl = DataLoader(TensorDataset(X, Y), batch_size=params["batch_size"], shuffle=True)

teacher = Teacher()
opt_t = torch.optim.Adam(teacher.parameters(), lr=1e-2)
for _ in range(6):
    for x, y in train_dl:
        opt_t.zero_grad()
        F.cross_entropy(teacher(x), y).backward()
        opt_t.step()
print("teacher acc", round((teacher(X).argmax(1) == Y).float().mean().item(), 3))

student = Student()
optimizer = torch.optim.Adam(student.parameters(), lr=params["lr"])
teacher_outputs = fetch_teacher_outputs(teacher, train_dl)
for epoch in range(params["epochs"]):
    student.train()
    tot = 0.0
    for i, (x, y) in enumerate(train_dl):
        out = student(x)
        loss = loss_fn_kd(out, y, teacher_outputs[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        tot += loss.item()
    print(f"epoch {epoch} kd loss {tot / len(train_dl):.4f} agreement {agreement(student, teacher, X):.3f}")
