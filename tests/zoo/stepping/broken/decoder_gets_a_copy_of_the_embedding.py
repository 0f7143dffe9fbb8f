# expected: ties_apart
# The output layer is given a clone of the embedding's weight instead of the weight itself.
import torch
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, vocabulary=20, width=8):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, vocabulary, bias=False)
        self.out.weight = nn.Parameter(self.embed.weight.detach().clone())  # <- ties_apart

    def forward(self, ids):
        return self.out(self.rnn(self.embed(ids))[0])


def main():
    torch.manual_seed(0)
    net = LanguageModel()
    opt = torch.optim.AdamW(net.parameters())
    for _ in range(3):
        ids = torch.randint(20, (4, 7))
        loss = nn.functional.cross_entropy(net(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        opt.zero_grad()
        loss.backward()
        opt.step()
    return net


model = main()
