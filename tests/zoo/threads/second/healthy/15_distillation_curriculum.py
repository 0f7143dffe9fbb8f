import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(14)

teacher = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 4))
teacher.eval()
for p in teacher.parameters():
    p.requires_grad_(False)


class Student(nn.Module):
    """VQ bottleneck student with straight-through codes."""

    def __init__(self, n_codes=8, dim=12):
        super().__init__()
        self.enc = nn.Linear(6, dim)
        self.codebook = nn.Embedding(n_codes, dim)
        self.head = nn.Linear(dim, 4)

    def forward(self, x):
        z = self.enc(x)
        idx = torch.cdist(z.detach(), self.codebook.weight.detach()).argmin(dim=1)
        e = self.codebook(idx)
        vq = F.mse_loss(e, z.detach()) + 0.25 * F.mse_loss(z, e.detach())
        z_q = z + (e - z).detach()
        return self.head(z_q), vq


x = torch.randn(256, 6)
with torch.no_grad():
    t_logits = teacher(x) * 4
    labels = t_logits.argmax(dim=1)
    margin = t_logits.topk(2, dim=1).values
    difficulty = -(margin[:, 0] - margin[:, 1])
order = difficulty.argsort()

student = Student()
optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
temp = 2.0

for epoch in range(6):
    n = int(256 * min(1.0, 0.4 + 0.15 * epoch))
    idx = order[:n]
    logits, vq = student(x[idx])
    soft = F.kl_div(F.log_softmax(logits / temp, 1), F.softmax(t_logits[idx] / temp, 1),
                    reduction="batchmean") * temp ** 2
    # hard labels only after the warm-up
    hard_w = 0.0 if epoch < 2 else 0.5
    hard = F.cross_entropy(logits, labels[idx])
    # keeps the logits from growing; inactive most of the time
    reg = F.relu(logits.abs().mean() - 5.0)
    loss = soft + hard_w * hard + vq + 0.1 * reg
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(f"epoch {epoch} n {n} loss {loss.item():.4f} soft {soft.item():.4f} hard {hard.item():.4f} vq {vq.item():.4f}")
