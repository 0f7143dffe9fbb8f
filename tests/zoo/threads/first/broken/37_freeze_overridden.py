import torch
import torch.nn as nn


def conv(c1, c2, s=1):
    return nn.Sequential(nn.Conv2d(c1, c2, 3, s, 1, bias=False), nn.BatchNorm2d(c2), nn.SiLU())


class Model(nn.Module):
    def __init__(self, nc=4):
        super().__init__()
        self.model = nn.Sequential(conv(3, 8, 2), conv(8, 16, 2), conv(16, 16), nn.Conv2d(16, 5 + nc, 1))

    def forward(self, x):
        return self.model(x)


def compute_loss(p, targets):
    obj, box, cls = p[:, 0], p[:, 1:5], p[:, 5:]
    lobj = nn.functional.binary_cross_entropy_with_logits(obj, targets["obj"])
    pos = targets["obj"].bool()
    lbox = nn.functional.mse_loss(box.permute(0, 2, 3, 1)[pos].sigmoid(), targets["box"].permute(0, 2, 3, 1)[pos])
    lcls = nn.functional.cross_entropy(cls.permute(0, 2, 3, 1)[pos], targets["cls"][pos])
    return lobj + 0.05 * lbox + 0.5 * lcls, torch.stack((lobj, lbox, lcls)).detach()


def train(hyp, epochs=4):
    torch.manual_seed(0)
    model = Model()
    ckpt = {k: v for k, v in Model().state_dict().items()}
    model.load_state_dict(ckpt)

    freeze = ['model.%s.' % x for x in range(hyp['freeze'])]
    for k, v in model.named_parameters():
        if any(x in k for x in freeze):
            print('freezing %s' % k)
            v.requires_grad = False

    pg0, pg1, pg2 = [], [], []
    for k, v in model.named_parameters():
        v.requires_grad = True
        if '.bias' in k:
            pg2.append(v)
        elif '.weight' in k and v.dim() > 1:
            pg1.append(v)
        else:
            pg0.append(v)
    optimizer = torch.optim.SGD(pg0, lr=hyp['lr0'], momentum=hyp['momentum'], nesterov=True)
    optimizer.add_param_group({'params': pg1, 'weight_decay': hyp['weight_decay']})
    optimizer.add_param_group({'params': pg2})

    imgs = torch.rand(6, 3, 32, 32)
    targets = {"obj": (torch.rand(6, 8, 8) > 0.8).float(), "box": torch.rand(6, 4, 8, 8),
               "cls": torch.randint(0, 4, (6, 8, 8))}
    model.train()
    for epoch in range(epochs):
        loss, items = compute_loss(model(imgs), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(epoch, f"{loss.item():.4f}", [round(i, 4) for i in items.tolist()])
    return model


if __name__ == '__main__':
    train({'lr0': 0.01, 'momentum': 0.937, 'weight_decay': 5e-4, 'freeze': 2})
