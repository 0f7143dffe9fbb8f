import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(13)


class DLASeg(nn.Module):
    def __init__(self, heads, head_conv=16):
        super().__init__()
        self.base = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
        self.heads = heads
        for head, classes in heads.items():
            fc = nn.Sequential(nn.Conv2d(16, head_conv, 3, padding=1), nn.ReLU(), nn.Conv2d(head_conv, classes, 1))
            self.__setattr__(head, fc)

    def forward(self, x):
        x = self.base(x)
        return {head: self.__getattr__(head)(x) for head in self.heads}


class MotLoss(nn.Module):
    def __init__(self, emb_dim=16, nID=12):
        super().__init__()
        self.crit = nn.BCEWithLogitsLoss()
        self.classifier = nn.Linear(emb_dim, nID)
        self.IDLoss = nn.CrossEntropyLoss()
        self.s_det = nn.Parameter(-1.85 * torch.ones(1))
        self.s_id = nn.Parameter(-1.05 * torch.ones(1))

    def forward(self, outputs, batch):
        hm_loss = self.crit(outputs['hm'], batch['hm'])
        wh = outputs['wh'].permute(0, 2, 3, 1)[batch['mask']]
        wh_loss = F.l1_loss(wh, batch['wh'])
        id_head = outputs['id'].permute(0, 2, 3, 1)[batch['mask']]
        id_loss = self.IDLoss(self.classifier(F.normalize(id_head)), batch['ids'])
        det_loss = hm_loss + 0.1 * wh_loss
        loss = torch.exp(-self.s_det) * det_loss + torch.exp(-self.s_id) * id_loss + (self.s_det + self.s_id)
        return 0.5 * loss.squeeze(), {'hm': hm_loss, 'wh': wh_loss, 'id': id_loss}


class ModelWithLoss(nn.Module):
    def __init__(self, model, loss):
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch):
        return self.loss(self.model(batch['input']), batch)


def make_batch(n=8, s=10):
    img = 0.1 * torch.randn(n, 3, s, s)
    mask = torch.zeros(n, s, s, dtype=torch.bool)
    pos = torch.randint(1, s - 1, (n, 2))
    ids = torch.randint(0, 12, (n,))
    for k in range(n):
        img[k, :, pos[k, 0], pos[k, 1]] += colors[ids[k]]
        mask[k, pos[k, 0], pos[k, 1]] = True
    return {'input': img, 'hm': mask.float().unsqueeze(1), 'mask': mask, 'ids': ids, 'wh': sizes[ids]}


colors, sizes = torch.randn(12, 3) * 2, torch.rand(12, 2) * 3
model = DLASeg({'hm': 1, 'wh': 2, 'id': 16})
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
trainer = ModelWithLoss(model, MotLoss())

for it in range(101):
    batch = make_batch()
    loss, stats = trainer(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 20 == 0:
        print(it, 'loss %.4f ' % loss.item(), ' '.join('%s %.4f' % (k, v.item()) for k, v in stats.items()),
              's_det %.3f s_id %.3f' % (trainer.loss.s_det.item(), trainer.loss.s_id.item()))
