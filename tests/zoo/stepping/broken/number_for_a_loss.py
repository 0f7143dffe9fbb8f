# expected: detach left_torch
# A term is made a number before it is added: the part that only this term trains gets nothing.
import torch
from torch import nn

encoder, aligner, judge = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)
for parameter in judge.parameters():
    parameter.requires_grad_(False)
optimizer = torch.optim.Adam([*encoder.parameters(), *aligner.parameters()], lr=0.01)
for _ in range(3):
    x = torch.randn(6, 4)
    code = encoder(x)
    fooled = nn.functional.binary_cross_entropy_with_logits(judge(aligner(code)), torch.ones(6, 1))
    fooled = fooled.detach().item()  # <- detach left_torch
    loss = code.square().mean() + 0.3 * fooled
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
