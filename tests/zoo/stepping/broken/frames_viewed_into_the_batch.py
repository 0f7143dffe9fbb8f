# expected: samples_mixed
# (channels, batch, ...) is made of (batch, channels, ...) by view instead of transpose.
import torch
from torch import nn

torch.manual_seed(0)
convolution = nn.Conv1d(3, 4, 3, padding=1)
head = nn.Linear(4, 2)
model = nn.ModuleList([convolution, head])
optimizer = torch.optim.Adam(model.parameters())


def forward(signal):
    features = convolution(signal)
    batch, channels, time = features.shape
    frames = features.view(time, batch, channels)  # <- samples_mixed
    return head(frames.mean(0))


for _ in range(3):
    optimizer.zero_grad()
    nn.functional.cross_entropy(forward(torch.randn(5, 3, 8)), torch.randint(2, (5,))).backward()
    optimizer.step()
