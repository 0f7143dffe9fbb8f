import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17)

DIM, CLASSES = 30, 5


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(DIM, 80)
        self.fc2 = nn.Linear(80, 80)
        self.fc3 = nn.Linear(80, CLASSES)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class ElasticWeightConsolidation:
    def __init__(self, model, weight=1000.0, lr=0.02):
        self.model = model
        self.weight = weight
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.means, self.fisher = {}, {}

    def _update_mean_params(self):
        for name, p in self.model.named_parameters():
            self.means[name] = p.detach().clone()

    def _update_fisher_params(self, dataset, batch_size=100, num_batch=5):
        loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        log_likelihoods = []
        for i, (x, y) in enumerate(loader):
            if i >= num_batch:
                break
            out = F.log_softmax(self.model(x), dim=1)
            log_likelihoods.append(out[torch.arange(len(y)), y])
        log_likelihood = torch.cat(log_likelihoods).mean()
        grads = torch.autograd.grad(log_likelihood, list(self.model.parameters()))
        for (name, _), g in zip(self.model.named_parameters(), grads):
            self.fisher[name] = g.detach() ** 2

    def register_task(self, dataset):
        self._update_fisher_params(dataset)
        self._update_mean_params()

    def consolidation_loss(self):
        if not self.means:
            return torch.zeros(())
        terms = [(self.fisher[n] * (p - self.means[n]) ** 2).sum()
                 for n, p in self.model.named_parameters()]
        return 0.5 * self.weight * sum(terms)

    def train_step(self, x, y):
        ce = F.cross_entropy(self.model(x), y)
        penalty = self.consolidation_loss()
        self.optimizer.zero_grad()
        (ce + penalty).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        return ce.item(), penalty.item()


@torch.no_grad()
def accuracy(model, data):
    x, y = data.tensors
    return (model(x).argmax(1) == y).float().mean().item()


def make_task(permutation, n):
    y = torch.randint(0, CLASSES, (n,))
    x = (centers[y] + 1.6 * torch.randn(n, DIM))[:, permutation]
    return TensorDataset(x, y)


centers = torch.randn(CLASSES, DIM)
perms = [torch.arange(DIM), torch.randperm(DIM)]
train_sets = [make_task(p, 1500) for p in perms]
test_sets = [make_task(p, 500) for p in perms]

model = Net()
ewc = ElasticWeightConsolidation(model)
for task, train_set in enumerate(train_sets):
    loader = DataLoader(train_set, batch_size=50, shuffle=True)
    for epoch in range(6):
        for x, y in loader:
            ce, penalty = ewc.train_step(x, y)
        accs = " ".join(f"task{k} {accuracy(model, test_sets[k]):.3f}" for k in range(task + 1))
        print(f"train on task {task} epoch {epoch} ce {ce:.4f} ewc {penalty:.6f} | {accs}")
    ewc.register_task(train_set)
    total = sum(f.sum().item() for f in ewc.fisher.values())
    print(f"registered task {task}, sum of importances {total:.3e}")
