# Of a batch one target is longer than its frames: zero_infinity leaves it out, and the others teach.
import torch
from torch import nn

columns, letters = nn.Conv1d(6, 8, 4, stride=4), nn.Linear(8, 5)
optimizer = torch.optim.SGD([*columns.parameters(), *letters.parameters()], lr=0.1)
criterion = nn.CTCLoss(zero_infinity=True)
for _ in range(2):
    optimizer.zero_grad()
    scores = letters(columns(torch.randn(3, 6, 32)).relu().permute(2, 0, 1)).log_softmax(-1)
    frames = torch.tensor([32, 32, 8]).div(4, rounding_mode="floor")
    criterion(scores, torch.tensor([[1, 2, 3], [2, 3, 4], [4, 3, 1]]), frames, torch.tensor([3, 3, 3])).backward()
    optimizer.step()
