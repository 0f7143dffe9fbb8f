# expected: unread
# The wrapper takes the mask and does not hand it on.
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x, padding_mask):
        hidden = self.layer(x)  # <- unread
        return self.out(hidden.mean(1))


def main():
    torch.manual_seed(0)
    net = Encoder()
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        x, mask = torch.randn(4, 6, 8), torch.arange(6) >= torch.tensor([[6], [4], [3], [5]])
        logits = net(x, mask)
        loss = nn.functional.cross_entropy(logits, torch.randint(3, (4,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


model = main()
