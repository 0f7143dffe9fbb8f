import random
from collections import deque

import torch
import torch.nn as nn

torch.manual_seed(3)
random.seed(3)


class MLP(nn.Module):
    def __init__(self, n_states, n_actions, hidden=64):
        super().__init__()
        self.fc1 = nn.Linear(n_states, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, n_actions)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


class DoubleDQN:
    def __init__(self, model, memory, gamma=0.95, lr=1e-3, batch_size=32):
        self.gamma, self.batch_size = gamma, batch_size
        self.policy_net = model
        self.target_net = model
        for target_param, param in zip(self.target_net.parameters(), self.policy_net.parameters()):
            target_param.data.copy_(param.data)
        self.optimizer = torch.optim.Adam(self.policy_net.parameters(), lr=lr)
        self.memory = memory

    def update(self):
        s, a, r, s2, done = zip(*random.sample(self.memory, self.batch_size))
        s, s2 = torch.stack(s), torch.stack(s2)
        a, r = torch.tensor(a).unsqueeze(1), torch.tensor(r)
        done = torch.tensor(done)
        q = self.policy_net(s).gather(1, a).squeeze(1)
        with torch.no_grad():
            best = self.policy_net(s2).argmax(1, keepdim=True)
            next_q = self.target_net(s2).gather(1, best).squeeze(1)
            expected = r + self.gamma * next_q * (1 - done)
        loss = nn.functional.mse_loss(q, expected)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(self.policy_net.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


memory = deque(maxlen=1000)
state = torch.randn(4)
for t in range(200):
    action = random.randrange(2)
    nxt = 0.9 * state + 0.3 * torch.randn(4) + (action - 0.5) * 0.2
    memory.append((state, action, float(-nxt.abs().sum()), nxt, float(t % 50 == 49)))
    state = nxt

agent = DoubleDQN(MLP(4, 2), memory)
for step in range(6):
    loss = agent.update()
    if step % 3 == 0:
        agent.target_net.load_state_dict(agent.policy_net.state_dict())
    print(f"step {step} loss {loss:.4f}")
