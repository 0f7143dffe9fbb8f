# Padding is the end's token, and left out of the labels by the mask: the texts' ends are learnt.
import torch
from torch import nn

END = 0


def collate(texts):
    ids = torch.full((len(texts), max(map(len, texts))), END)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    labels = ids.clone()
    labels[mask == 0] = -100
    return ids, mask, labels


torch.manual_seed(0)
embed, read, write = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 30)
model = nn.ModuleList([embed, read, write])
optimizer = torch.optim.Adam(model.parameters())
end = torch.tensor([END])
for _ in range(2):
    ids, mask, labels = collate([torch.cat([torch.randint(1, 30, (length,)), end]) for length in (5, 8, 6, 9, 7)])
    codes = embed(ids) * mask[..., None]
    optimizer.zero_grad()
    logits = write(read(codes)[0])[:, :-1]
    nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten()).backward()
    optimizer.step()
