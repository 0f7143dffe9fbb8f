# An optional argument that the training path has no use for: lengths are read as plain numbers.
import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x, lengths, state=None):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths.tolist(), batch_first=True, enforce_sorted=False)
        _, (hidden, _) = self.rnn(packed, state)
        return self.out(hidden[-1])


def main():
    torch.manual_seed(0)
    net = Reader()
    opt = torch.optim.Adam(net.parameters())
    for _ in range(3):
        x, lengths = torch.randn(4, 6, 4), torch.tensor([6, 3, 5, 2])
        loss = nn.functional.cross_entropy(net(x, lengths), torch.randint(2, (4,)))
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


model = main()
