import torch
import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self, d=20):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(10, d), nn.Tanh())
        self.mid = nn.Sequential(nn.Linear(d, d), nn.Tanh())
        self.head = nn.Linear(d, 4)
        self.pretrain_head = nn.Linear(d, 10)

    def forward(self, x):
        return self.head(self.mid(self.embed(x)))

    def reconstruct(self, x):
        return self.pretrain_head(self.mid(self.embed(x)))


def freeze(module):
    for p in module.parameters():
        p.requires_grad_(False)


def unfreeze(module, optimizer, lr):
    for p in module.parameters():
        p.requires_grad_(True)
    optimizer.add_param_group({"params": list(module.parameters()), "lr": lr})


torch.manual_seed(0)
model = Tagger()
x = torch.randn(64, 10)
y = torch.randint(0, 4, (64,))

opt = torch.optim.Adam([*model.embed.parameters(), *model.mid.parameters(), *model.pretrain_head.parameters()], lr=1e-2)
for step in range(2):
    noisy = x * (torch.rand_like(x) > 0.3)
    loss = nn.functional.mse_loss(model.reconstruct(noisy), x)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("pretrain", step, round(loss.item(), 4))

freeze(model.embed)
freeze(model.mid)
opt = torch.optim.Adam(model.head.parameters(), lr=1e-2)
for epoch in range(4):
    if epoch == 1:
        unfreeze(model.mid, opt, 2e-3)
    if epoch == 2:
        unfreeze(model.embed, opt, 4e-4)
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("finetune", epoch, round(loss.item(), 4), "groups", len(opt.param_groups))
