import torch
from torch import nn

torch.manual_seed(0)


class DuelingNet(nn.Module):
    def __init__(self, states, actions, hidden=48):
        super().__init__()
        self.trunk = nn.Sequential(nn.Embedding(states, hidden), nn.Linear(hidden, hidden), nn.ReLU())
        self.value = nn.Linear(hidden, 1)
        self.advantage = nn.Linear(hidden, actions)

    def forward(self, s):
        h = self.trunk(s)
        q = self.value(h) + self.advantage(h)
        return q - q.mean(dim=-1, keepdim=True)


class Corridor:
    def __init__(self, length):
        self.length = length

    def step(self, s, a):
        nxt = (s + torch.where(a == 1, 1, -1)).clamp(0, self.length - 1)
        done = nxt == self.length - 1
        return nxt, done.float(), done


class Buffer:
    def __init__(self):
        self.rows = []

    def fill(self, env, n):
        s = torch.randint(env.length - 1, (n,))
        a = torch.randint(2, (n,))
        self.data = (s, a, *env.step(s, a))

    def draw(self, n):
        pick = torch.randint(self.data[0].size(0), (n,))
        return tuple(t[pick] for t in self.data)


env, buffer = Corridor(8), Buffer()
buffer.fill(env, 2000)
online, target = DuelingNet(8, 2), DuelingNet(8, 2)
target.load_state_dict(online.state_dict())
optim = torch.optim.Adam(online.parameters(), lr=1e-3)
for step in range(600):
    s, a, s2, r, done = buffer.draw(64)
    with torch.no_grad():
        best = online(s2).argmax(dim=1, keepdim=True)
        goal = r + 0.9 * (~done) * target(s2).gather(1, best).squeeze(1)
    q = online(s).gather(1, a.unsqueeze(1)).squeeze(1)
    loss = nn.functional.smooth_l1_loss(q, goal)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 50 == 0:
        target.load_state_dict(online.state_dict())
    if step % 150 == 0:
        print(step, f"td {loss.item():.4f}")
with torch.no_grad():
    print("learned max Q", [round(v, 2) for v in online(torch.arange(7)).max(1).values.tolist()])
    print("true max Q   ", [round(0.9 ** (6 - i), 2) for i in range(7)])
