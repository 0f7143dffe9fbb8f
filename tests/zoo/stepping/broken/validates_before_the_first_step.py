# expected: mode_flips
# The epoch begins with train(), and the validation inside it leaves the model in eval: it never trains with dropout.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def validate():
    model.eval()  # <- mode_flips
    with torch.no_grad():
        return nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 2, (8,))).item()


model.train()
for step in range(4):
    if step % 2 == 0:
        validate()
    loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 2, (8,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
