# expected: unread
# forward takes an attention mask, and the mean takes the padding in.
# after: torchtest2, README, gallery 5
# peers: model=model optimizer=optimizer inputs=batch targets=labels loss=criterion
import torch
from torch import nn


class TextClassifier(nn.Module):
    def __init__(self, vocabulary=50, dim=16, classes=3):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim, padding_idx=0)
        self.head = nn.Linear(dim, classes)

    def forward(self, input_ids, attention_mask):  # <- unread
        hidden = self.embedding(input_ids)
        return self.head(hidden.mean(dim=1))


torch.manual_seed(0)
ids = torch.randint(1, 50, (8, 20))
mask = torch.ones_like(ids)
mask[::2, 10:] = 0
ids[mask == 0] = 0
batch = {"input_ids": ids, "attention_mask": mask}
labels = torch.randint(0, 3, (8,))
model, criterion = TextClassifier(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(3):
    optimizer.zero_grad()
    criterion(model(**batch), labels).backward()
    optimizer.step()
