# expected: zero_gradient
# The frames of each line are divided by four, and so was the image before: CTC has too few of them for any word.
import torch
from torch import nn


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.columns = nn.Conv1d(6, 8, 4, stride=4)
        self.letters = nn.Linear(8, 5)

    def forward(self, lines):
        return self.letters(self.columns(lines).relu().permute(2, 0, 1)).log_softmax(-1)


model = Reader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
widths = torch.tensor([32, 32, 28])
for _ in range(2):
    frames = widths // 4
    optimizer.zero_grad()
    scores = model(torch.randn(3, 6, 32))
    frames = frames.floor_divide(4)  # <- zero_gradient
    targets = torch.randint(1, 5, (3, 4))
    criterion = nn.CTCLoss(zero_infinity=True)
    criterion(scores, targets, frames.clamp_min(1).int(), torch.tensor([4, 4, 4])).backward()
    optimizer.step()
