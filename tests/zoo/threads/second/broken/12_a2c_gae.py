import torch
import torch.nn as nn

torch.manual_seed(11)


class A2C(nn.Module):
    def __init__(self, n_features, n_actions, n_envs, critic_lr, actor_lr):
        super().__init__()
        self.n_envs = n_envs
        self.critic = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Linear(32, 1))
        self.actor = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Linear(32, n_actions))
        self.critic_optim = torch.optim.RMSprop(self.critic.parameters(), lr=critic_lr)
        self.actor_optim = torch.optim.RMSprop(self.actor.parameters(), lr=actor_lr)

    def select_action(self, x):
        dist = torch.distributions.Categorical(logits=self.actor(x))
        action = dist.sample()
        return action, dist.log_prob(action), self.critic(x).squeeze(-1), dist.entropy()

    def get_losses(self, rewards, log_probs, value_preds, entropy, masks, gamma=0.99, lam=0.95, ent_coef=0.01):
        T = len(rewards)
        advantages = torch.zeros(T, self.n_envs)
        gae = 0.0
        for t in reversed(range(T - 1)):
            td_error = rewards[t] + gamma * masks[t] * value_preds[t + 1] - value_preds[t]
            gae = td_error + gamma * lam * masks[t] * gae
            advantages[t] = gae
        critic_loss = advantages.pow(2).mean()
        actor_loss = -(advantages.detach() * log_probs).mean() - ent_coef * entropy.mean()
        return critic_loss, actor_loss

    def update_parameters(self, critic_loss, actor_loss):
        self.critic_optim.zero_grad()
        critic_loss.backward()
        self.critic_optim.step()
        self.actor_optim.zero_grad()
        actor_loss.backward()
        self.actor_optim.step()


n_envs, n_steps = 8, 16
agent = A2C(4, 3, n_envs, critic_lr=5e-3, actor_lr=1e-3)
state = torch.randn(n_envs, 4)
for phase in range(5):
    rewards, log_probs, values, ents, masks = [], [], [], [], []
    for _ in range(n_steps):
        action, lp, v, ent = agent.select_action(state)
        rewards.append((state[:, 0] * (action - 1)).detach())
        masks.append((torch.rand(n_envs) > 0.05).float())
        log_probs.append(lp)
        values.append(v)
        ents.append(ent)
        state = 0.9 * state + 0.4 * torch.randn(n_envs, 4)
    c_loss, a_loss = agent.get_losses(torch.stack(rewards), torch.stack(log_probs), torch.stack(values),
                                      torch.stack(ents), torch.stack(masks))
    agent.update_parameters(c_loss, a_loss)
    print(f"phase {phase} critic {c_loss.item():.4f} actor {a_loss.item():.4f}")
