import torch
import torch.nn as nn

torch.manual_seed(41)


class AtariNet(nn.Module):
    def __init__(self, in_dim, action_no, atoms_no):
        super().__init__()
        self.action_no, self.atoms_no = action_no, atoms_no
        self.lin = nn.Sequential(nn.Linear(in_dim, 64), nn.ReLU())
        self.head = nn.Linear(64, action_no * atoms_no)
        self.softmax = nn.Softmax(dim=2)

    def forward(self, x):
        return self.softmax(self.head(self.lin(x)).view(x.size(0), self.action_no, self.atoms_no))


class CategoricalPolicyImprovement:
    def __init__(self, policy, target, gamma=0.9, v_min=-10.0, v_max=10.0, atoms_no=121):
        self.policy, self.target_policy = policy, target
        self.gamma, self.v_min, self.v_max, self.atoms_no = gamma, v_min, v_max, atoms_no
        self.support = torch.linspace(v_min, v_max, atoms_no)
        self.delta_z = (v_max - v_min) / (atoms_no - 1)
        self.optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)

    @torch.no_grad()
    def _get_categorical(self, next_states, rewards, mask):
        n = len(rewards)
        probs = self.target_policy(next_states)
        best = (probs * self.support).sum(2).argmax(1)
        probs = probs[torch.arange(n), best]
        tz = (rewards[:, None] + self.gamma * mask[:, None] * self.support).clamp(self.v_min, self.v_max)
        b = (tz - self.v_min) / self.delta_z
        lower, upper = b.floor().long(), b.ceil().long()
        same = (lower == upper).float()
        out = torch.zeros(n, self.atoms_no)
        out.scatter_add_(1, lower, probs * (upper.float() - b + same))
        out.scatter_add_(1, upper, probs * (b - lower.float()))
        return out

    def accumulate_gradient(self, states, actions, next_states, rewards, mask):
        targets = self._get_categorical(next_states, rewards, mask)
        qa_probs = self.policy(states)[torch.arange(len(actions)), actions]
        qa_probs = qa_probs.clamp(0.01, 0.99)
        loss = -torch.sum(targets * torch.log(qa_probs), 1).mean()
        loss.backward()
        return loss.item()

    def update_policy(self):
        self.optimizer.step()
        self.optimizer.zero_grad()

    def update_target_net(self):
        self.target_policy.load_state_dict(self.policy.state_dict())

    def q(self, s):
        with torch.no_grad():
            return (self.policy(s) * self.support).sum(2)


eye = torch.eye(6)
policy, target = AtariNet(6, 2, 121), AtariNet(6, 2, 121)
agent = CategoricalPolicyImprovement(policy, target)
agent.update_target_net()
for step in range(1, 401):
    s = torch.randint(0, 6, (64,))
    a = torch.randint(0, 2, (64,))
    s2 = (s + 2 * a - 1).clamp(0, 5)
    r = (s2 == 5).float() * 6.0 - (s2 == 0).float() * 2.0
    mask = (s2 != 5).float()
    loss = agent.accumulate_gradient(eye[s], a, eye[s2], r, mask)
    agent.update_policy()
    if step % 50 == 0:
        agent.update_target_net()
    if step % 100 == 0:
        print("step %d loss %.4f Q(right) %s" % (step, loss, [round(v, 2) for v in agent.q(eye)[:5, 1].tolist()]))
