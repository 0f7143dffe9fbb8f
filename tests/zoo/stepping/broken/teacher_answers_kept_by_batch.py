# expected: mispaired
# The teacher's answers are kept in a list, batch by batch; the loader gives its batches in another order each time.
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.randn(24, 4), torch.randint(0, 3, (24,)))
loader = DataLoader(data, 8, shuffle=True)  # <- mispaired
teacher, student = nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
answers = []
with torch.no_grad():
    for x, _ in loader:
        answers.append(teacher(x).div(2).softmax(-1))
for (x, labels), answer in zip(loader, answers, strict=True):
    optimizer.zero_grad()
    logits = student(x)
    distilled = nn.functional.kl_div(logits.div(2).log_softmax(-1), answer, reduction="batchmean")
    (distilled + nn.functional.cross_entropy(logits, labels)).backward()
    optimizer.step()
