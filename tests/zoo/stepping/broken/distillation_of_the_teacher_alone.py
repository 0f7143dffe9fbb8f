# expected: constant
# Both sides of the distillation term are the teacher's: it is added, it is printed, and it teaches the student nothing.
import torch
from torch import nn

torch.manual_seed(0)
teacher, student = nn.Linear(6, 4), nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 4))
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
for _ in range(3):
    inputs, labels = torch.randn(8, 6), torch.randint(0, 4, (8,))
    with torch.no_grad():
        teaching = teacher(inputs)
    learning = student(inputs)
    log_teaching = (teaching / 2).log_softmax(1)  # <- constant
    soft = nn.functional.kl_div(log_teaching, (teaching / 2).softmax(1), reduction="batchmean")
    loss = nn.functional.cross_entropy(learning, labels) + 4 * soft
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
