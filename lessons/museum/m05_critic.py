"""An actor and a critic for a task of one step: the critic says what a state is worth, the actor what to do there."""

import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(5)
STATES, ACTIONS = 8, 4


def mlp(outputs):
    return nn.Sequential(nn.Linear(STATES, 32), nn.Tanh(), nn.Linear(32, outputs))


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor, self.critic = mlp(ACTIONS), mlp(1)

    def policy(self, states):
        return Categorical(logits=self.actor(states))

    def value(self, states):
        return self.critic(states)


class Task:
    """Each state has one action that pays most, and a worth of its own."""

    def __init__(self):
        self.best = torch.randn(STATES, ACTIONS)
        self.worth = torch.randn(STATES)

    def states(self, count):
        return torch.randn(count, STATES)

    def rewards(self, states, actions):
        pays = (states @ self.best).gather(1, actions[:, None]).squeeze(1)
        return 0.3 * pays + states @ self.worth


class Running:
    """The mean and the spread of what was seen, for a scale that stays."""

    def __init__(self):
        self.mean, self.square, self.count = 0.0, 1.0, 1

    def scaled(self, rewards):
        self.count += 1
        self.mean += (rewards.mean().item() - self.mean) / self.count
        self.square += (rewards.square().mean().item() - self.square) / self.count
        return (rewards - self.mean) / max(1e-3, self.square - self.mean**2) ** 0.5


def losses(model, states, actions, returns):
    values = model.value(states)
    advantage = (returns - values.squeeze(-1)).detach()
    policy = model.policy(states)
    actor = -(policy.log_prob(actions) * advantage).mean()
    critic = (values - returns).pow(2).mean()
    return {"actor": actor, "critic": critic, "entropy": -0.01 * policy.entropy().mean()}


def main(steps=60):
    task, model, scale = Task(), ActorCritic(), Running()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        states = task.states(64)
        with torch.no_grad():
            actions = model.policy(states).sample()
        returns = scale.scaled(task.rewards(states, actions))
        terms = losses(model, states, actions, returns)
        optimizer.zero_grad()
        sum(terms.values()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}:", " ".join(f"{name} {term.item():.3f}" for name, term in terms.items()))


if __name__ == "__main__":
    main()
