# expected: stale
# A temperature that is a plain tensor of the model is cast after its optimizer was made: that one holds the old one.
import torch
from torch import nn

torch.manual_seed(0)


class Matcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(5, 3)
        self.log_scale = torch.zeros((), dtype=torch.float64).requires_grad_()

    def forward(self, images, texts):
        return self.left(images) @ self.right(texts).T * self.log_scale.exp()


model = Matcher()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
warm = torch.optim.SGD([model.log_scale], lr=0.1)
model.log_scale = model.log_scale.detach().float().requires_grad_()  # <- stale
for _ in range(3):
    scores = model(torch.randn(6, 4), torch.randn(6, 5))
    loss = nn.functional.cross_entropy(scores, torch.arange(6))
    optimizer.zero_grad()
    warm.zero_grad()
    loss.backward()
    optimizer.step()
    warm.step()
