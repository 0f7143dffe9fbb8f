# expected: same_data
# An IterableDataset that does not ask which worker it is: two workers give everything twice.
# after: TrainCheck, stackoverflow-67180955 (workers return identical data)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(16):
            yield torch.randn(6, generator=generator), torch.randint(0, 3, (), generator=generator)


torch.manual_seed(0)
x, y = torch.randn(4, 6), torch.randint(0, 3, (4,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(Stream(), batch_size=4, num_workers=2)
for inputs, labels in loader:  # <- same_data
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
