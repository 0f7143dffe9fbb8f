# expected: overwritten
# The agent is a plain object; the functions that train it stand outside of its class.
import torch
from torch import nn


class Agent:
    def __init__(self):
        self.policy, self.target = nn.Linear(4, 2), nn.Linear(4, 2)
        self.optimizer = torch.optim.SGD(self.policy.parameters(), lr=0.1)
        self.synchronise()

    def synchronise(self):
        self.target.load_state_dict(self.policy.state_dict())
        self.target = self.policy  # <- overwritten


def learn(agent, batch):
    state, action, reward, after = batch
    wanted = reward + 0.9 * agent.target(after).detach().max(1).values
    agent.optimizer.zero_grad()
    (agent.policy(state).gather(1, action).squeeze(1) - wanted).square().mean().backward()
    agent.optimizer.step()


agent = Agent()
policy = agent.policy
for number in range(3):
    learn(agent, (torch.randn(8, 4), torch.randint(0, 2, (8, 1)), torch.randn(8), torch.randn(8, 4)))
    if number % 2:
        agent.synchronise()
