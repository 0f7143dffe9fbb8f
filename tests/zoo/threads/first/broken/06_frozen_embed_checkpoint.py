import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint


class Encoder(nn.Module):
    def __init__(self, d, n_layers, gradient_checkpointing=False):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(d, 2, 4 * d, dropout=0.0, batch_first=True) for _ in range(n_layers))
        self.gradient_checkpointing = gradient_checkpointing

    def forward(self, h):
        for layer in self.layers:
            if self.gradient_checkpointing and self.training:
                h = checkpoint(layer, h, use_reentrant=True)
            else:
                h = layer(h)
        return h


class Classifier(nn.Module):
    def __init__(self, vocab=100, d=16, n_layers=2, n_labels=3):
        super().__init__()
        self.embeddings = nn.Embedding(vocab, d)
        self.encoder = Encoder(d, n_layers, gradient_checkpointing=True)
        self.classifier = nn.Linear(d, n_labels)

    def freeze_embeddings(self):
        for p in self.embeddings.parameters():
            p.requires_grad = False

    def forward(self, input_ids, labels):
        h = self.encoder(self.embeddings(input_ids))
        logits = self.classifier(h[:, 0])
        return nn.functional.cross_entropy(logits, labels), logits


torch.manual_seed(0)
model = Classifier()
model.freeze_embeddings()
model.train()
optim = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=1e-3)
ids = torch.randint(0, 100, (16, 12))
labels = torch.randint(0, 3, (16,))
for step in range(5):
    optim.zero_grad()
    loss, _ = model(ids, labels)
    loss.backward()
    optim.step()
    print(f"{step} loss={loss.item():.4f}")
