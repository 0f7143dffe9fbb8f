import torch
from torch import nn

torch.manual_seed(0)


class TransitionStore:
    def __init__(self, **shapes):
        self.fields = {name: [] for name in shapes}

    def append(self, **values):
        for name, value in values.items():
            self.fields[name].append(value)

    def freeze(self):
        self.fields = {name: torch.cat(rows) for name, rows in self.fields.items()}
        self.size = len(next(iter(self.fields.values())))
        return self

    def pick(self, n):
        return torch.randint(self.size, (n,))

    def sample(self, n):
        return {name: rows[self.pick(n)] for name, rows in self.fields.items()}


def pendulum(angle, speed, torque):
    speed = speed + 0.1 * (torque - 2 * torch.sin(angle)) - 0.02 * speed
    return angle + 0.1 * speed, speed


def collect(episodes, length):
    store = TransitionStore(state=2, torque=1, change=2)
    for _ in range(episodes):
        angle, speed = torch.randn(16), torch.randn(16)
        for _ in range(length):
            torque = torch.randn(16) * 2
            nxt = pendulum(angle, speed, torque)
            store.append(
                state=torch.stack([angle, speed], 1), torque=torque[:, None],
                change=torch.stack([nxt[0] - angle, nxt[1] - speed], 1))
            angle, speed = nxt
    return store.freeze()


class Dynamics(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 64), nn.SiLU(), nn.Linear(64, 2))

    def forward(self, state, torque):
        angle, speed = state.unbind(-1)
        return self.net(torch.stack([angle.sin(), angle.cos(), speed, torque.squeeze(-1)], dim=-1))


store = collect(20, 15)
model = Dynamics()
optim = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(300):
    b = store.sample(128)
    loss = (model(b["state"], b["torque"]) - b["change"]).square().mean() * 100
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 60 == 0:
        print(step, round(loss.item(), 3))
print("variance of the changes", store.fields["change"].var(0).mean().item() * 100)
