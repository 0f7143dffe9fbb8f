# expected: unread
# thread: huggingface/transformers#11616
# The texts are filled up with a token of its own, and the loss counts it: most of what is learnt is padding.
import torch
from torch import nn

PAD = 0
torch.manual_seed(0)
criterion = nn.CrossEntropyLoss()  # <- unread
embed, read, write = nn.Embedding(30, 8, padding_idx=PAD), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 30)
model = nn.ModuleList([embed, read, write])
optimizer = torch.optim.Adam(model.parameters())
for _ in range(2):
    texts = [torch.randint(1, 30, (length,)) for length in (3, 8, 4, 5, 4)]
    ids = nn.utils.rnn.pad_sequence(texts, batch_first=True, padding_value=PAD)
    optimizer.zero_grad()
    logits = write(read(embed(ids))[0])[:, :-1]
    criterion(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
    optimizer.step()
