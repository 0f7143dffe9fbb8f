"""Face-identity embedding trained with softmax plus a learnable class-centre term."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
N_ID, FEAT, ALPHA = 8, 16, 0.05


class CenterLoss(nn.Module):
    def __init__(self, num_classes, feat_dim):
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, feat_dim))

    def forward(self, feats, labels):
        dist = torch.cdist(feats, self.centers).pow(2)
        mask = F.one_hot(labels, self.centers.size(0)).bool()
        return dist[mask].clamp(1e-12, 1e12).mean()


class FaceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.act1 = nn.PReLU()
        self.act2 = nn.PReLU()
        self.embed = nn.Linear(32 * 4 * 4, FEAT)
        self.classifier = nn.Linear(FEAT, N_ID)

    def forward(self, x):
        x = F.max_pool2d(self.act1(self.conv1(x)), 2)
        x = F.max_pool2d(self.act2(self.conv2(x)), 2)
        feat = self.embed(x.flatten(1))
        return feat, self.classifier(feat)


def make_faces(n):
    prototypes = torch.randn(N_ID, 1, 16, 16)
    labels = torch.randint(0, N_ID, (n,))
    return prototypes[labels] + 1.2 * torch.randn(n, 1, 16, 16), labels


def train_one_epoch(model, center_loss, optimizer, optimizer_cent, loader):
    model.train()
    ce_sum = cent_sum = 0.0
    for images, labels in loader:
        feats, logits = model(images)
        loss_ce = F.cross_entropy(logits, labels)
        loss_cent = ALPHA * center_loss(feats, labels)
        loss = loss_ce + loss_cent

        optimizer.zero_grad()
        optimizer_cent.zero_grad()
        # the centres should move independently of alpha
        for param in center_loss.parameters():
            param.grad.data *= 1.0 / ALPHA
        loss.backward()
        optimizer.step()
        optimizer_cent.step()

        ce_sum += loss_ce.item()
        cent_sum += loss_cent.item()
    return ce_sum / len(loader), cent_sum / len(loader)


def main():
    images, labels = make_faces(640)
    loader = DataLoader(TensorDataset(images[:512], labels[:512]), batch_size=64, shuffle=True)
    model = FaceNet()
    center_loss = CenterLoss(N_ID, FEAT)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    optimizer_cent = torch.optim.SGD(center_loss.parameters(), lr=0.5)

    for epoch in range(8):
        ce, cent = train_one_epoch(model, center_loss, optimizer, optimizer_cent, loader)
        model.eval()
        with torch.no_grad():
            acc = (model(images[512:])[1].argmax(1) == labels[512:]).float().mean()
        print(f"epoch {epoch} xent {ce:.4f} center {cent:.4f} test acc {acc:.3f}")


if __name__ == "__main__":
    main()
