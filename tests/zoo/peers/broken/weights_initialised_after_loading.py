# expected: overwritten
# post_init runs once more after the checkpoint was loaded.
# after: TrainCheck, transformers-17877 (initialisation invoked repeatedly)
# peers: model=model optimizer=optimizer inputs=x targets=y loss=criterion
import torch
from torch import nn


def post_init(module):
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)


torch.manual_seed(0)
x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
pretrained = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3)).state_dict()
model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
model.load_state_dict(pretrained)
model.apply(post_init)  # <- overwritten
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(x), y).backward()
    optimizer.step()
