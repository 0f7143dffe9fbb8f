# expected: detach
# The chosen codes are returned as they are too, and the loss that should move them takes the straight-through result.
import torch
from torch import nn


class Codes(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(7, 3)

    def forward(self, x):
        chosen = self.table(torch.cdist(x, self.table.weight).argmin(-1))
        return {"passed": x + (chosen - x).detach(), "chosen": chosen}


coder, codes, reader = nn.Linear(4, 3), Codes(), nn.Linear(3, 4)
optimizer = torch.optim.Adam([*coder.parameters(), *codes.parameters(), *reader.parameters()], lr=1e-2)
for _ in range(2):
    x = torch.randn(8, 4)
    code = coder(x)
    quantised = codes(code)
    close = nn.functional.mse_loss(reader(quantised["passed"]), x)
    moved = nn.functional.mse_loss(quantised["passed"], code.detach())  # <- detach
    optimizer.zero_grad()
    (close + moved + 0.25 * nn.functional.mse_loss(code, quantised["chosen"].detach())).backward()
    optimizer.step()
