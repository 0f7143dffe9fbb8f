import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(16)


class MultiOptimizer:
    def __init__(self, model, lr):
        self.optimizers = {k: torch.optim.AdamW(m.parameters(), lr=lr, betas=(0.0, 0.99)) for k, m in model.items()}

    def zero_grad(self):
        for o in self.optimizers.values():
            o.zero_grad()

    def step(self, key):
        self.optimizers[key].step()


model = {
    'text_encoder': nn.Sequential(nn.Embedding(12, 24), nn.Linear(24, 24), nn.ReLU()),
    'style_encoder': nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, 8)),
    'decoder': nn.Sequential(nn.Linear(24 + 8, 48), nn.ReLU(), nn.Linear(48, 10)),
    'predictor': nn.Sequential(nn.Linear(24 + 8, 48), nn.ReLU(), nn.Linear(48, 8 + 1)),
}
optimizer = MultiOptimizer(model, 3e-3)
table, speakers = torch.randn(12, 10), torch.randn(6, 10)


def batch(n=48):
    text, spk = torch.randint(0, 12, (n,)), torch.randint(0, 6, (n,))
    dur = (text % 4).float() * 0.5 + spk.float() * 0.1
    return text, table[text] + speakers[spk], speakers[spk] + 0.05 * torch.randn(n, 10), dur


for step in range(150):
    text, mel, ref, _ = batch()
    optimizer.zero_grad()
    s = model['style_encoder'](ref)
    rec = model['decoder'](torch.cat([model['text_encoder'](text), s], 1))
    loss = F.l1_loss(rec, mel)
    loss.backward()
    for k in ('text_encoder', 'style_encoder', 'decoder'):
        optimizer.step(k)
print("first stage mel %.4f" % loss.item())

for step in range(151):
    text, mel, ref, dur = batch()
    with torch.no_grad():
        t_en = model['text_encoder'](text)
        s_gt = model['style_encoder'](ref)
    out = model['predictor'](torch.cat([t_en, s_gt], 1))
    s_pred, d_pred = out[:, :8], out[:, 8]
    y_rec = model['decoder'](torch.cat([t_en, s_pred], 1))
    with torch.no_grad():
        y_gt = model['decoder'](torch.cat([t_en, s_gt], 1))
    loss_mel, loss_dur = F.l1_loss(y_rec, y_gt), F.l1_loss(d_pred, dur)
    g_loss = 5 * loss_mel + loss_dur
    optimizer.zero_grad()
    g_loss.backward()
    optimizer.step('predictor')
    if step % 30 == 0:
        print("second step %d mel %.4f dur %.4f" % (step, loss_mel.item(), loss_dur.item()))
