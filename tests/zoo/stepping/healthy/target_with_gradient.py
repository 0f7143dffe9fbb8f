# DQN with no no_grad around the target network: what arrives there is not used by anybody, and nothing is wrong.
import torch
from torch import nn

torch.manual_seed(0)


class Q(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 16)
        self.last = nn.Linear(16, 2)
        nn.init.zeros_(self.last.bias)

    def forward(self, state):
        return self.last(torch.relu(self.first(state)))


q, target = Q(), Q()
target.load_state_dict(q.state_dict())
optimizer = torch.optim.Adam(q.parameters(), lr=1e-3)
for step in range(4):
    state, following, reward = torch.randn(8, 4), torch.randn(8, 4), torch.randn(8, 1)
    chosen = q(state).gather(1, torch.randint(0, 2, (8, 1)))
    goal = reward + 0.9 * target(following).max(1)[0].unsqueeze(1)
    loss = nn.functional.smooth_l1_loss(chosen, goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
