# expected: suspicious_shape
# A matching network: its prediction is a mean of one-hot labels, and cross_entropy takes it for logits.
import torch
from torch import nn

encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
labels = torch.arange(3)
for _ in range(3):
    support, query = torch.randn(3, 4), torch.randn(6, 4)
    attention = (encoder(query) @ encoder(support).T).softmax(dim=1)
    predicted = attention @ nn.functional.one_hot(labels, 3).float()
    optimizer.zero_grad()
    nn.functional.cross_entropy(predicted, torch.arange(6) % 3).backward()  # <- suspicious_shape
    optimizer.step()
