"""Classify headlines with an averaged-embedding network and a step-decayed learning rate."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
VOCAB, DIM, SEQ, TOPICS = 300, 32, 12, 6
EPOCHS, BATCH = 16, 32


def build_corpus(n):
    topic = torch.randint(0, TOPICS, (n,))
    words = torch.randint(0, VOCAB, (n, SEQ))
    topical = torch.randint(0, 20, (n, SEQ)) + topic.unsqueeze(1) * 20
    use = torch.rand(n, SEQ) < 0.3
    return torch.where(use, topical, words), topic


class HeadlineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(VOCAB, DIM, mode="mean")
        self.fc1 = nn.Linear(DIM, 64)
        self.fc2 = nn.Linear(64, TOPICS)
        self.drop = nn.Dropout(0.1)

    def forward(self, ids):
        return self.fc2(self.drop(F.relu(self.fc1(self.bag(ids)))))


@torch.no_grad()
def evaluate(model, ids, topic):
    model.eval()
    logits = model(ids)
    return F.cross_entropy(logits, topic).item(), (logits.argmax(-1) == topic).float().mean().item()


ids, topic = build_corpus(2000)
train = TensorDataset(ids[:1600], topic[:1600])
loader = DataLoader(train, batch_size=BATCH, shuffle=True)

model = HeadlineNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = StepLR(optimizer, step_size=EPOCHS // 2, gamma=0.1)

for epoch in range(EPOCHS):
    model.train()
    running = 0.0
    for batch_ids, batch_topic in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch_ids), batch_topic)
        loss.backward()
        optimizer.step()
        scheduler.step()
        running += loss.item()
    val_loss, val_acc = evaluate(model, ids[1600:], topic[1600:])
    print(f"epoch {epoch:2d} train {running / len(loader):.4f} val {val_loss:.4f} acc {val_acc:.3f}")
