# An IterableDataset of which each worker reads its own part.
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        generator = torch.Generator().manual_seed(0)
        for place in range(16):
            sample = torch.randn(6, generator=generator), torch.randint(0, 3, (), generator=generator)
            if place % info.num_workers == info.id:
                yield sample


torch.manual_seed(0)
x, y = torch.randn(4, 6), torch.randint(0, 3, (4,))
model, criterion = nn.Linear(6, 3), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = torch.utils.data.DataLoader(Stream(), batch_size=4, num_workers=2)
for inputs, labels in loader:
    optimizer.zero_grad()
    loss = criterion(model(inputs), labels)
    loss.backward()
    optimizer.step()
