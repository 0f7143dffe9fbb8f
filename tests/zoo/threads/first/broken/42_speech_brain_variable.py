import torch
import torch.nn as nn
from torch.autograd import Variable


class CRDNN(nn.Module):
    def __init__(self, n_mels=20, hidden=24, n_out=8):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv1d(n_mels, hidden, 3, padding=1), nn.BatchNorm1d(hidden), nn.LeakyReLU())
        self.rnn = nn.GRU(hidden, hidden, batch_first=True)
        self.dnn = nn.Linear(hidden, n_out)

    def forward(self, feats):
        h = self.cnn(feats.transpose(1, 2)).transpose(1, 2)
        h, _ = self.rnn(h)
        return self.dnn(h)


class Brain:
    def __init__(self, modules, lr=1e-3):
        self.modules = nn.ModuleDict(modules)
        self.optimizer = torch.optim.Adam(self.modules.parameters(), lr=lr)
        self.step = 0

    def compute_forward(self, batch):
        return {"predict": self.modules["model"](batch["feats"])}

    def compute_objectives(self, predictions, batch):
        loss = 0.0
        for pred, target, n in zip(predictions["predict"], batch["labels"], batch["lens"].tolist()):
            frame_loss = nn.functional.cross_entropy(pred[:n], target[:n])
            loss += frame_loss.item()
        loss = torch.tensor(loss / len(batch["lens"]))
        return Variable(loss, requires_grad=True)

    def fit_batch(self, batch):
        outputs = self.compute_forward(batch)
        loss = self.compute_objectives(outputs, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(self.modules.parameters(), 5.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        return loss.detach()


def make_batch(b=6, t=30):
    lens = torch.randint(15, t + 1, (b,))
    return {"feats": torch.randn(b, t, 20), "labels": torch.randint(0, 8, (b, t)), "lens": lens}


torch.manual_seed(0)
brain = Brain({"model": CRDNN()})
batch = make_batch()
for _ in range(5):
    print(f"step {brain.step} loss {brain.fit_batch(batch).item():.6f}")
