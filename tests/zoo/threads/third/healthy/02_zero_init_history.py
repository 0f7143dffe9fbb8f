# trajectory planner; visual history enters through a zero-initialised projection (no-op at step 0)
import torch
import torch.nn as nn

torch.manual_seed(1)


class TrajectoryPlanner(nn.Module):
    def __init__(self, d=24, horizon=5):
        super().__init__()
        self.ego = nn.Linear(4, d)
        self.history_enc = nn.GRU(6, d, batch_first=True)
        self.visual_history_proj = nn.Linear(d, d)
        nn.init.zeros_(self.visual_history_proj.weight)
        nn.init.zeros_(self.visual_history_proj.bias)
        self.block = nn.Sequential(nn.Linear(d, d), nn.GELU(), nn.Linear(d, d))
        nn.init.zeros_(self.block[-1].weight)
        nn.init.zeros_(self.block[-1].bias)
        self.gate = nn.Parameter(torch.zeros(1))
        self.skip = nn.Linear(4, d)
        self.out = nn.Linear(d, horizon * 2)

    def forward(self, ego, history):
        h = self.ego(ego)
        h = h + self.visual_history_proj(self.history_enc(history)[1][-1])
        h = h + self.block(h)
        h = h + self.gate * torch.tanh(self.skip(ego))
        return self.out(h).view(-1, 5, 2)


def drive(b=32):
    ego = torch.randn(b, 4)
    hist = torch.randn(b, 7, 6)
    turn = hist[:, -1, :1]
    t = torch.arange(1, 6).float()
    x = ego[:, :1] * t * 0.2
    y = turn * t * 0.2
    return ego, hist, torch.stack([x, y], -1)


planner = TrajectoryPlanner()
opt = torch.optim.AdamW(planner.parameters(), lr=3e-3, weight_decay=0.0)
watch = planner.history_enc.weight_ih_l0
for step in range(25):
    ego, hist, future = drive()
    loss = (planner(ego, hist) - future).abs().mean()
    opt.zero_grad()
    loss.backward()
    g = watch.grad.norm().item()
    opt.step()
    if step in (0, 1, 2, 10, 24):
        print(f"step {step:2d} ade {loss.item():.4f} history grad {g:.2e} gate {planner.gate.item():+.4f}")
