"""Walk-forward evaluation of a small patch transformer on a daily price-like series."""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(9)


class WindowDataset(Dataset):
    def __init__(self, series, seq_len, pred_len):
        self.series, self.seq_len, self.pred_len = series, seq_len, pred_len

    def __len__(self):
        return len(self.series) - self.seq_len - self.pred_len + 1

    def __getitem__(self, i):
        x = self.series[i:i + self.seq_len]
        y = self.series[i + self.seq_len:i + self.seq_len + self.pred_len, 0]
        return x, y.squeeze()


class PatchTransformer(nn.Module):
    def __init__(self, n_features, seq_len, pred_len, patch=4, d_model=32):
        super().__init__()
        self.patch = patch
        n_patches = seq_len // patch
        self.embed = nn.Linear(patch * n_features, d_model)
        self.pos = nn.Parameter(0.02 * torch.randn(1, n_patches, d_model))
        layer = nn.TransformerEncoderLayer(d_model, 4, 64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(n_patches * d_model, pred_len)

    def forward(self, x):
        b, t, c = x.shape
        x = x.reshape(b, t // self.patch, self.patch * c)
        h = self.encoder(self.embed(x) + self.pos)
        return self.head(h.flatten(1))


def make_series(n):
    t = torch.arange(n).float()
    a = torch.sin(2 * math.pi * t / 17) + 0.6 * torch.sin(2 * math.pi * t / 5 + 1.0)
    b = torch.cos(2 * math.pi * t / 17) + 0.1 * torch.randn(n)
    series = torch.stack([a + 0.1 * torch.randn(n), b], dim=1)
    return (series - series.mean(0)) / series.std(0)


def train_fold(train_ds, val_ds, seq_len, pred_len, epochs=6):
    model = PatchTransformer(2, seq_len, pred_len)
    criterion = nn.MSELoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)
    val_loader = DataLoader(val_ds, batch_size=64)
    for epoch in range(epochs):
        model.train()
        train_loss = 0.0
        for x_batch, y_batch in train_loader:
            optimizer.zero_grad()
            pred = model(x_batch)
            loss = criterion(pred, y_batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            train_loss += loss.item() / len(train_loader)
        scheduler.step()
        print(f"  epoch {epoch} train mse {train_loss:.4f}")

    model.eval()
    preds, actual = [], []
    with torch.no_grad():
        for x_batch, y_batch in val_loader:
            preds.append(model(x_batch).flatten())
            actual.append(y_batch.flatten())
    preds, actual = torch.cat(preds), torch.cat(actual)
    corr = torch.corrcoef(torch.stack([preds, actual]))[0, 1].item()
    return corr, preds.std().item(), actual.std().item()


def main():
    series, seq_len, pred_len = make_series(1500), 24, 1
    for fold, end in enumerate((900, 1200)):
        train_ds = WindowDataset(series[:end], seq_len, pred_len)
        val_ds = WindowDataset(series[end:end + 300], seq_len, pred_len)
        print(f"fold {fold}")
        corr, p_std, a_std = train_fold(train_ds, val_ds, seq_len, pred_len)
        print(f"  val corr {corr:.3f} prediction std {p_std:.3f} target std {a_std:.3f}")


if __name__ == "__main__":
    main()
