import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(15)


class BasicUpdateBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRUCell(16 + 2, 24)
        self.flow_head = nn.Linear(24, 2)

    def forward(self, net, inp, flow):
        net = self.gru(torch.cat([inp, flow], 1), net)
        return net, self.flow_head(net)


class RAFT(nn.Module):
    def __init__(self):
        super().__init__()
        self.fnet = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 16))
        self.cnet = nn.Linear(12, 24)
        self.update_block = BasicUpdateBlock()

    def forward(self, pair, iters=5):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inp = self.fnet(pair)
            net = torch.tanh(self.cnet(pair))
        inp, net = inp.float(), net.float()
        coords0 = torch.zeros(len(pair), 2)
        coords1 = coords0.clone()
        predictions = []
        for _ in range(iters):
            coords1 = coords1.detach()
            net, delta = self.update_block(net, inp, coords1 - coords0)
            coords1 = coords1 + delta
            predictions.append(coords1 - coords0)
        return predictions


def sequence_loss(preds, gt, gamma=0.8):
    return sum(gamma ** (len(preds) - i - 1) * (p - gt).abs().mean() for i, p in enumerate(preds))


A = torch.randn(12, 2) * 0.5
model = RAFT()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4, eps=1e-8)
num_steps = 150
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, num_steps + 10, pct_start=0.2, cycle_momentum=False,
                                                anneal_strategy='linear', div_factor=1e6)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 12)
for step in range(num_steps):
    optimizer.zero_grad()
    pair = torch.randn(48, 12)
    gt = torch.tanh(pair @ A)
    preds = model(pair)
    loss = sequence_loss(preds, gt)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scheduler.step()
    scaler.update()
    if step % 30 == 0:
        print("step %d loss %.4f lr %.2e" % (step, loss.item(), optimizer.param_groups[0]['lr']))
