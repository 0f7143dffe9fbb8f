import torch

from feature_distill_lib import DistillConfig, FeatureDistiller, SmallNet


def fit_teacher(net, x, y, steps=10):
    opt = torch.optim.Adam(net.parameters(), lr=2e-2)
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(net(x)[0], y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("teacher loss", round(loss.item(), 4))
    return net


def main():
    torch.manual_seed(0)
    x = torch.randn(120, 16)
    y = x[:, :5].argmax(1)
    cfg = DistillConfig()
    teacher = fit_teacher(SmallNet(48), x, y)
    distiller = FeatureDistiller(teacher, SmallNet(12), cfg).train()
    optimizer = torch.optim.Adam(distiller.trainable(), lr=1e-2)
    for step in range(5):
        total, parts = distiller.losses(x, y, step)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        print(step, round(total.item(), 4), {k: round(v, 4) for k, v in parts.items()})


if __name__ == "__main__":
    main()
