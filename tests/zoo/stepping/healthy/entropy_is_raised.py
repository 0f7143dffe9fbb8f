# Minus the entropy is a term of the loss: minimising it raises the entropy.
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    logits = model(torch.randn(8, 4))
    entropy = torch.distributions.Categorical(logits=logits).entropy().mean()
    loss = nn.functional.cross_entropy(logits, torch.randint(3, (8,))) - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
