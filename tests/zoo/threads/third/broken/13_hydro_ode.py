"""Hybrid bucket model: snow/soil water ODE with a neural evapotranspiration term and a neural runoff head."""
import torch
import torch.nn as nn

torch.manual_seed(4)


class BucketODE(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_smax = nn.Parameter(torch.tensor(1.0))
        self.log_melt = nn.Parameter(torch.tensor(-1.0))
        self.et_net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1), nn.Softplus())

    def forward(self, state, precip, temp):
        snow, water = state
        melt = self.log_melt.exp() * torch.relu(temp) * torch.tanh(snow)
        snowfall = precip * torch.sigmoid(-5 * temp)
        et = self.et_net(torch.stack([water / self.log_smax.exp(), temp]))[0]
        d_snow = snowfall - melt
        d_water = precip - snowfall + melt - 0.3 * et * torch.sigmoid(water)
        return torch.stack([d_snow, d_water])


class HybridHydro(nn.Module):
    def __init__(self):
        super().__init__()
        self.ode = BucketODE()
        self.q_net = nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 1))

    def forward(self, s0, precip, temp, dt=0.5):
        state, flow = s0, []
        for p, tmp in zip(precip, temp):
            for _ in range(2):
                state = state + dt * self.ode(state, p, tmp)
            s_water = state[1]
            q = self.q_net(torch.tensor([s_water.item(), p.item()]))
            flow.append(q[0])
        return torch.stack(flow)


def catchment(days=30):
    t = torch.arange(days).float()
    temp = torch.sin(t / 5)
    precip = torch.relu(torch.randn(days) * 0.5 + 0.2)
    s, q = torch.tensor(0.5), []
    for p, tt in zip(precip, temp):
        s = s + p - 0.2 * s - 0.05 * torch.relu(tt)
        q.append(0.2 * s)
    return precip, temp, torch.stack(q)


precip, temp, q_obs = catchment()
model = HybridHydro()
optimizer = torch.optim.Adam([
    {"params": model.ode.parameters(), "lr": 2e-2},
    {"params": model.q_net.parameters(), "lr": 1e-2},
])
for epoch in range(12):
    q_sim = model(torch.tensor([0.2, 0.5]), precip, temp)
    loss = ((q_sim - q_obs) ** 2).mean()
    nse = 1 - loss / q_obs.var(unbiased=False)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 3 == 0:
        print(f"epoch {epoch} loss {loss.item():.4f} NSE {nse.item():.3f} Smax {model.ode.log_smax.exp().item():.3f}")
