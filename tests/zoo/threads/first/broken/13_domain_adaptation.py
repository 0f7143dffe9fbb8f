import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Function


class ReverseLayerF(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.extractor = nn.Sequential(nn.Linear(28, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU())

    def forward(self, x):
        return self.extractor(x)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier = nn.Sequential(
            nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10),
            nn.Softmax(dim=1))

    def forward(self, x):
        return self.classifier(x)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.discriminator = nn.Sequential(
            nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2),
            nn.Softmax(dim=1))

    def forward(self, feature, alpha):
        return self.discriminator(ReverseLayerF.apply(feature, alpha))


torch.manual_seed(0)
encoder, classifier, discriminator = Extractor(), Classifier(), Discriminator()
class_criterion, domain_criterion = nn.CrossEntropyLoss(), nn.CrossEntropyLoss()
params = [*encoder.parameters(), *classifier.parameters(), *discriminator.parameters()]
optimizer = torch.optim.SGD(params, lr=0.01, momentum=0.9)
src, tgt = torch.randn(64, 28), torch.randn(64, 28) + 0.5
label = torch.randint(0, 10, (64,))
domain = torch.cat([torch.zeros(64), torch.ones(64)]).long()
for epoch in range(5):
    alpha = 2.0 / (1.0 + np.exp(-10 * epoch / 5)) - 1
    optimizer.zero_grad()
    f_src, f_tgt = encoder(src), encoder(tgt)
    class_loss = class_criterion(classifier(f_src), label)
    domain_loss = domain_criterion(discriminator(torch.cat([f_src, f_tgt]), alpha), domain)
    total = class_loss + domain_loss
    total.backward()
    optimizer.step()
    print(f"epoch {epoch} class {class_loss.item():.5f} domain {domain_loss.item():.5f}")
