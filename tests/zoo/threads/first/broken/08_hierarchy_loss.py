import torch
import torch.nn as nn

HIERARCHY = {0: [0, 1, 2], 1: [3, 4, 5], 2: [6, 7, 8]}


class HierNet(nn.Module):
    def __init__(self, dim=30):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(dim, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.coarse = nn.Linear(64, 3)
        self.fine = nn.Linear(64 + 3, 9)

    def forward(self, x):
        h = self.trunk(x)
        c = self.coarse(h)
        f = self.fine(torch.cat([h, c.softmax(-1)], dim=1))
        return [c, f]


class HierarchicalLoss:
    def __init__(self, alpha=1.0, beta=0.8, p=3.0):
        self.alpha, self.beta, self.p = alpha, beta, p
        self.ce = nn.CrossEntropyLoss()

    def layer_loss(self, preds, labels):
        return sum(self.ce(p, l) for p, l in zip(preds, labels))

    def violates(self, coarse, fine):
        return torch.FloatTensor([int(f.item() not in HIERARCHY[c.item()]) for c, f in zip(coarse, fine)])

    def dependency_loss(self, preds, labels):
        prev_pred = torch.argmax(nn.Softmax(dim=1)(preds[0]), dim=1)
        curr_pred = torch.argmax(nn.Softmax(dim=1)(preds[1]), dim=1)
        D_l = self.violates(prev_pred, curr_pred)
        l_prev = (prev_pred != labels[0]).float()
        l_curr = (curr_pred != labels[1]).float()
        return (torch.pow(self.p, D_l * l_prev) * torch.pow(self.p, D_l * l_curr) - 1).sum()


torch.manual_seed(5)
x = torch.randn(48, 30)
fine = torch.randint(0, 9, (48,))
coarse = fine // 3
model, criterion = HierNet(), HierarchicalLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(5):
    optimizer.zero_grad()
    preds = model(x)
    lloss = criterion.layer_loss(preds, (coarse, fine))
    dloss = criterion.dependency_loss(preds, (coarse, fine))
    total = criterion.alpha * lloss + criterion.beta * dloss
    total.backward()
    optimizer.step()
    print(f"epoch {epoch} lloss {lloss.item():.4f} dloss {dloss.item():.1f}")
