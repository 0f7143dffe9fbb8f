import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(9)


class NTXentLoss(nn.Module):
    def __init__(self, temperature=0.2):
        super().__init__()
        self.temperature = temperature

    def forward(self, emb, labels):
        emb = F.normalize(emb, dim=1)
        mat = emb @ emb.t() / self.temperature
        same = labels[:, None] == labels[None, :]
        eye = torch.eye(len(emb), dtype=torch.bool)
        a1, p = torch.where(same & ~eye)
        pos = mat[a1, p].unsqueeze(1)
        neg_mask = ~same
        rows = mat[a1].masked_fill(~neg_mask[a1], float('-inf'))
        max_val = torch.max(pos, rows.max(dim=1, keepdim=True)[0])
        numerator = torch.exp(pos - max_val).squeeze(1)
        denominator = torch.sum(torch.exp(rows - max_val), dim=1) + numerator
        log_exp = torch.log((numerator / denominator) + 1e-12)
        return torch.mean(-log_exp)


net = nn.Sequential(nn.Linear(16, 48), nn.ReLU(), nn.Linear(48, 8))
base = torch.randn(200, 16)
loss_fn = NTXentLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(151):
    idx = torch.randperm(200)[:32]
    views = torch.cat([base[idx] + 0.5 * torch.randn(32, 16), base[idx] + 0.5 * torch.randn(32, 16)])
    labels = torch.cat([torch.arange(32), torch.arange(32)])
    loss = loss_fn(net(views), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        print("step %d loss %.4f" % (step, loss.item()))
