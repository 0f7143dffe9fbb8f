import torch
from torch import nn

torch.manual_seed(0)


class Callback:
    def on_epoch_end(self, runner, epoch):
        pass


class Evaluate(Callback):
    def __init__(self, data):
        self.data = data

    def on_epoch_end(self, runner, epoch):
        runner.model.eval()
        torch.set_grad_enabled(False)
        x, y = self.data
        pred = runner.model(x)
        r2 = 1 - (pred - y).square().sum() / (y - y.mean()).square().sum()
        print(f"epoch {epoch}: R2 {r2.item():.3f}")


class Checkpoint(Callback):
    def __init__(self):
        self.states = []

    def on_epoch_end(self, runner, epoch):
        self.states = self.states[-1:] + [{k: v.clone() for k, v in runner.model.state_dict().items()}]


class Runner:
    def __init__(self, model, callbacks):
        self.model, self.callbacks = model, callbacks
        self.optim = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def run(self, x, y, epochs, batch=32):
        for epoch in range(epochs):
            self.model.train()
            for idx in torch.randperm(len(x)).split(batch):
                loss = nn.functional.smooth_l1_loss(self.model(x[idx]), y[idx])
                self.optim.zero_grad()
                loss.backward()
                self.optim.step()
            for cb in self.callbacks:
                cb.on_epoch_end(self, epoch)


def synth(n):
    x = torch.randn(n, 6)
    y = (x[:, :1] * x[:, 1:2] + x[:, 2:3].sin())
    return x, y


net = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Dropout(0.1), nn.Linear(64, 1))
Runner(net, [Evaluate(synth(256)), Checkpoint()]).run(*synth(1024), epochs=10)
