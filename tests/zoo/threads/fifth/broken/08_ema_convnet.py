import copy

import torch
import torch.nn as nn
import torch.nn.functional as F


class EMA(nn.Module):
    def __init__(self, model, beta=0.99, update_after_step=20, update_every=2):
        super().__init__()
        self.online_model = [model]
        self.ema_model = copy.deepcopy(model).requires_grad_(False)
        self.param_names = {n for n, p in model.named_parameters() if p.is_floating_point()}
        self.buffer_names = {n for n, b in model.named_buffers() if b.is_floating_point()}
        self.beta, self.update_after_step, self.update_every = beta, update_after_step, update_every
        self.step = 0

    def get_params_iter(self, model):
        for name, param in model.named_parameters():
            if name in self.param_names:
                yield name, param

    def get_buffers_iter(self, model):
        for name, buffer in model.named_parameters():
            if name in self.buffer_names:
                yield name, buffer

    def iterators(self):
        online = self.online_model[0]
        yield from zip(self.get_params_iter(self.ema_model), self.get_params_iter(online))
        yield from zip(self.get_buffers_iter(self.ema_model), self.get_buffers_iter(online))

    @torch.no_grad()
    def update(self):
        self.step += 1
        if self.step % self.update_every:
            return
        for (_, ma), (_, cur) in self.iterators():
            if self.step <= self.update_after_step:
                ma.copy_(cur)
            else:
                ma.lerp_(cur, 1 - self.beta)

    def forward(self, x):
        return self.ema_model(x)


class ConvNet(nn.Module):
    def __init__(self, n_class=4):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        )
        self.fc = nn.Linear(96, n_class)

    def forward(self, x):
        return self.fc(self.body(x).flatten(1))


def make_images(n):
    y = torch.randint(0, 4, (n,))
    x = torch.randn(n, 1, 12, 12) * 2.0 + 6.0
    for i, c in enumerate(y.tolist()):
        r, s = divmod(c, 2)
        x[i, 0, r * 6:r * 6 + 6, s * 6:s * 6 + 6] += 2.5
    return x, y


@torch.no_grad()
def accuracy(net, x, y):
    net.eval()
    acc = (net(x).argmax(1) == y).float().mean().item()
    net.train()
    return acc


def main():
    torch.manual_seed(0)
    x, y = make_images(512)
    xv, yv = make_images(256)
    model = ConvNet()
    ema = EMA(model)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(12):
        for idx in torch.randperm(512).split(32):
            loss = F.cross_entropy(model(x[idx]), y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
            ema.update()
        if epoch % 3 == 2:
            print(f"epoch {epoch:2d} loss {loss.item():.3f} online {accuracy(model, xv, yv):.3f} ema {accuracy(ema, xv, yv):.3f}")


if __name__ == "__main__":
    main()
