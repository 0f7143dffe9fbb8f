from collections import defaultdict

import torch
import torch.nn as nn
import torch.nn.functional as F


class SimpleMLP(nn.Module):
    def __init__(self, d_in=16, hidden=96, n_cls=4):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(d_in, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
        self.classifier = nn.Linear(hidden, n_cls)

    def forward(self, x):
        return self.classifier(self.features(x))


def copy_params_dict(model, zero=False):
    return {k: (torch.zeros_like(p) if zero else p.detach().clone()) for k, p in model.named_parameters()}


class EWCPlugin:
    def __init__(self, ewc_lambda):
        self.ewc_lambda = ewc_lambda
        self.saved_params = defaultdict(dict)
        self.importances = defaultdict(dict)

    def before_backward(self, strategy):
        exp_counter = strategy.exp_counter
        if exp_counter == 0:
            return
        penalty = torch.tensor(0.0)
        for experience in range(exp_counter):
            for k, cur_param in strategy.model.named_parameters():
                if k not in self.saved_params[experience]:
                    continue
                saved_param = self.saved_params[experience][k]
                imp = self.importances[experience][k]
                n_units = saved_param.shape[0]
                cur_param = saved_param[:n_units]
                penalty = penalty + (imp * (cur_param - saved_param).pow(2)).sum()
        strategy.loss = strategy.loss + self.ewc_lambda * penalty

    def after_training_exp(self, strategy, dataset):
        t = strategy.exp_counter
        self.importances[t] = self.compute_importances(strategy.model, dataset)
        self.saved_params[t] = copy_params_dict(strategy.model)

    def compute_importances(self, model, dataset):
        model.eval()
        imp = copy_params_dict(model, zero=True)
        x, y = dataset
        for i in range(0, len(x), 2):
            model.zero_grad()
            F.cross_entropy(model(x[i:i + 2]), y[i:i + 2]).backward()
            for k, p in model.named_parameters():
                imp[k] += p.grad.detach().pow(2) / (len(x) / 2)
        model.train()
        return imp


class Strategy:
    def __init__(self, model, plugin, lr=0.01, epochs=8):
        self.model, self.plugin, self.epochs = model, plugin, epochs
        self.opt = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        self.exp_counter = 0
        self.loss = None

    def train(self, dataset):
        x, y = dataset
        for _ in range(self.epochs):
            for idx in torch.randperm(len(x)).split(32):
                self.opt.zero_grad()
                self.loss = F.cross_entropy(self.model(x[idx]), y[idx])
                self.plugin.before_backward(self)
                self.loss.backward()
                self.opt.step()
        self.plugin.after_training_exp(self, dataset)
        self.exp_counter += 1

    @torch.no_grad()
    def eval(self, stream):
        return [round((self.model(x).argmax(1) == y).float().mean().item(), 3) for x, y in stream]


def permuted_stream(n_tasks, n=300):
    centers = torch.randn(4, 16) * 0.6
    stream = []
    for _ in range(n_tasks):
        perm = torch.randperm(16)
        y = torch.randint(0, 4, (n,))
        stream.append(((centers[y] + torch.randn(n, 16))[:, perm], y))
    return stream


def main():
    torch.manual_seed(0)
    stream = permuted_stream(4)
    strategy = Strategy(SimpleMLP(), EWCPlugin(ewc_lambda=100.0))
    for t, experience in enumerate(stream):
        strategy.train(experience)
        print(f"after experience {t}: loss {strategy.loss.item():.4f} accuracy per task {strategy.eval(stream[:t + 1])}")


if __name__ == "__main__":
    main()
