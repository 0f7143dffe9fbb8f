import copy
from collections import OrderedDict
import torch
import torch.nn.functional as F

torch.manual_seed(2)


class UserPreference(torch.nn.Module):
    def __init__(self, n_item=30, n_user=20, dim=8):
        super().__init__()
        self.item_emb = torch.nn.Embedding(n_item, dim)
        self.user_emb = torch.nn.Embedding(n_user, dim)
        self.fc1 = torch.nn.Linear(2 * dim, 24)
        self.fc2 = torch.nn.Linear(24, 24)
        self.linear_out = torch.nn.Linear(24, 1)

    def forward(self, u, i):
        x = torch.cat([self.user_emb(u), self.item_emb(i)], 1)
        return self.linear_out(F.relu(self.fc2(F.relu(self.fc1(x))))).squeeze(1)


class MeLU(torch.nn.Module):
    def __init__(self, lr=5e-3):
        super().__init__()
        self.model = UserPreference()
        self.weight_name = list(self.model.state_dict().keys())
        self.local_update_target_weight_name = ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias',
                                                'linear_out.weight', 'linear_out.bias']
        self.local_lr = torch.nn.Parameter(torch.full((len(self.weight_name),), 0.05))
        self.meta_optim = torch.optim.Adam(self.parameters(), lr=lr)

    def forward(self, support, query, num_local_update=2):
        u, i, y = support
        for idx in range(num_local_update):
            weight_for_local_update = list(self.model.state_dict().values())
            loss = F.mse_loss(self.model(u, i), y)
            grad = torch.autograd.grad(loss, self.model.parameters(), create_graph=True)
            fast_weights = OrderedDict()
            for k, name in enumerate(self.weight_name):
                if name in self.local_update_target_weight_name:
                    fast_weights[name] = weight_for_local_update[k] - self.local_lr[k] * grad[k]
                else:
                    fast_weights[name] = weight_for_local_update[k]
            self.model.load_state_dict(fast_weights)
        uq, iq, yq = query
        return F.mse_loss(self.model(uq, iq), yq)

    def global_update(self, tasks):
        keep_weight = copy.deepcopy(self.model.state_dict())
        self.meta_optim.zero_grad()
        total = 0.0
        for support, query in tasks:
            loss_q = self(support, query)
            (loss_q / len(tasks)).backward()
            self.model.load_state_dict(keep_weight)
            total += loss_q.item() / len(tasks)
        self.meta_optim.step()
        return total


true_u, true_i = torch.randn(20, 3), torch.randn(30, 3)


def user_task():
    uid = int(torch.randint(0, 20, (1,)))
    items = torch.randperm(30)[:16]
    shift = torch.randn(1)
    y = (true_u[uid] * true_i[items]).sum(1) * 0.5 + shift
    u = torch.full((16,), uid)
    return (u[:8], items[:8], y[:8]), (u[8:], items[8:], y[8:])


melu = MeLU()
for it in range(60):
    loss = melu.global_update([user_task() for _ in range(8)])
    if it % 20 == 0 or it == 59:
        print("iter %3d query loss %.4f local lr %.4f" % (it, loss, melu.local_lr.mean().item()))
