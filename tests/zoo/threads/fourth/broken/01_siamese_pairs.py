import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(7)


class EmbeddingNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(nn.Conv2d(1, 8, 3), nn.PReLU(), nn.MaxPool2d(2, stride=2),
                                     nn.Conv2d(8, 16, 3), nn.PReLU(), nn.AdaptiveAvgPool2d(2))
        self.fc = nn.Sequential(nn.Linear(64, 32), nn.PReLU(), nn.Linear(32, 2))

    def forward(self, x):
        out = self.convnet(x)
        return self.fc(out.flatten(1))


class SiameseNet(nn.Module):
    def __init__(self, embedding_net):
        super().__init__()
        self.embedding_net = embedding_net

    def forward(self, x1, x2):
        return self.embedding_net(x1), self.embedding_net(x2)


class ContrastiveLoss(nn.Module):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, target, size_average=True):
        distances = (output2 - output1).pow(2).sum(1)
        losses = 0.5 * (target.float() * distances +
                        (1 - target).float() * F.relu(self.margin - distances.sqrt()).pow(2))
        return losses.mean() if size_average else losses.sum()


class PairData(torch.utils.data.Dataset):
    def __init__(self, n=256):
        self.labels = torch.randint(0, 4, (n,))
        proto = torch.randn(4, 1, 14, 14)
        self.images = proto[self.labels] + 0.4 * torch.randn(n, 1, 14, 14)
        self.by_class = [torch.where(self.labels == c)[0] for c in range(4)]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        target = int(torch.randint(0, 2, (1,)))
        c = int(self.labels[i])
        if not target:
            c = (c + int(torch.randint(1, 4, (1,)))) % 4
        j = self.by_class[c][torch.randint(0, len(self.by_class[c]), (1,))].item()
        return self.images[i], self.images[j], target


loader = torch.utils.data.DataLoader(PairData(), batch_size=32, shuffle=True)
model = SiameseNet(EmbeddingNet())
loss_fn = ContrastiveLoss(1.0)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for epoch in range(4):
    total = 0.0
    for a, b, t in loader:
        optimizer.zero_grad()
        e1, e2 = model(a, b)
        loss = loss_fn(e1, e2, t)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch %d  loss %.4f" % (epoch, total / len(loader)))
