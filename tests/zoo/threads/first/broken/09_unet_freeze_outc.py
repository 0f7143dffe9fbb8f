import torch
import torch.nn as nn
import torch.nn.functional as F


class UNetSmall(nn.Module):
    def __init__(self, ch=8, n_classes=3):
        super().__init__()
        self.inc = nn.Sequential(nn.Conv2d(1, ch, 3, padding=1), nn.BatchNorm2d(ch), nn.ReLU())
        self.down = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(ch, 2 * ch, 3, padding=1), nn.ReLU())
        self.up = nn.Conv2d(3 * ch, ch, 3, padding=1)
        self.outc = nn.Conv2d(ch, n_classes, 1)

    def forward(self, x):
        a = self.inc(x)
        b = F.interpolate(self.down(a), scale_factor=2)
        feat = F.relu(self.up(torch.cat([a, b], 1)))
        return feat, self.outc(feat)


class PFATrainer:
    """Adapt the features of a source model to the target domain; the classifier stays as it is."""

    def __init__(self, source_state):
        self.model = UNetSmall()
        self.model.load_state_dict(source_state)
        self.model.outc.requires_grad = False
        self.opt = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.proto = self.model.outc.weight.detach().squeeze()

    def train_one_step(self, images):
        self.model.train()
        feat, logits = self.model(images)
        feat = feat.permute(0, 2, 3, 1).flatten(0, 2)
        sim = F.normalize(feat, dim=1) @ F.normalize(self.proto, dim=1).t()
        prob = F.softmax(logits, dim=1).permute(0, 2, 3, 1).flatten(0, 2)
        entropy = -(prob * torch.log(prob + 1e-6)).sum(1).mean()
        align = -(sim.softmax(1) * sim).sum(1).mean()
        loss = entropy + 0.5 * align
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        return loss.item()


torch.manual_seed(0)
source = UNetSmall()
trainer = PFATrainer(source.state_dict())
batch = torch.rand(4, 1, 16, 16)
for it in range(4):
    print("iter", it, "loss", trainer.train_one_step(batch))
