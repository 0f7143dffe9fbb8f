import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(1)


class SlotAttention(nn.Module):
    def __init__(self, in_features, num_iterations, num_slots, slot_size, eps=1e-8):
        super().__init__()
        self.num_iterations = num_iterations
        self.num_slots = num_slots
        self.slot_size = slot_size
        self.eps = eps
        self.norm_inputs = nn.LayerNorm(in_features)
        self.norm_slots = nn.LayerNorm(slot_size)
        self.q = nn.Linear(slot_size, slot_size, bias=False)
        self.k = nn.Linear(in_features, slot_size, bias=False)
        self.v = nn.Linear(in_features, slot_size, bias=False)
        self.gru = nn.GRUCell(slot_size, slot_size)
        # slots are drawn from a gaussian shared by all of them
        self.register_buffer("slots_mu", nn.init.xavier_uniform_(torch.empty(1, 1, slot_size)))
        self.register_buffer("slots_log_sigma", nn.init.xavier_uniform_(torch.empty(1, 1, slot_size)))

    def forward(self, inputs):
        b = inputs.shape[0]
        inputs = self.norm_inputs(inputs)
        k, v = self.k(inputs), self.v(inputs)
        slots = self.slots_mu + self.slots_log_sigma.exp() * torch.randn(b, self.num_slots, self.slot_size)
        for _ in range(self.num_iterations):
            prev = slots
            q = self.q(self.norm_slots(slots)) * self.slot_size ** -0.5
            attn = F.softmax(k @ q.transpose(1, 2), dim=-1) + self.eps
            attn = attn / attn.sum(1, keepdim=True)
            updates = attn.transpose(1, 2) @ v
            slots = self.gru(updates.reshape(-1, self.slot_size), prev.reshape(-1, self.slot_size))
            slots = slots.view(b, self.num_slots, self.slot_size)
        return slots


class SlotModel(nn.Module):
    def __init__(self, n_pix=16, feat=12, slots=3, size=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, feat), nn.ReLU(), nn.Linear(feat, feat))
        self.slot_attention = SlotAttention(feat, 3, slots, size)
        self.pos = nn.Parameter(torch.randn(n_pix, size) * 0.3)
        self.decoder = nn.Sequential(nn.Linear(size, 32), nn.ReLU(), nn.Linear(32, 5))

    def forward(self, x):
        slots = self.slot_attention(self.encoder(x))
        grid = slots.unsqueeze(2) + self.pos
        out = self.decoder(grid)
        masks = out[..., 4:].softmax(dim=1)
        return (out[..., :4] * masks).sum(1)


def scene(b=16, n_pix=16):
    colors = torch.rand(b, 3, 4)
    owner = torch.randint(0, 3, (b, n_pix))
    return torch.gather(colors, 1, owner.unsqueeze(-1).expand(-1, -1, 4))


def main():
    model = SlotModel()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for step in range(20):
        imgs = scene()
        loss = F.mse_loss(model(imgs), imgs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"[{step:03d}] recon {loss.item():.5f}")
    print("n params", sum(p.numel() for p in model.parameters()))


main()
