import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(22)

num_layers, batch_size, hidden_dim, embedding_dim = 1, 16, 32, 6
EPOCH = 2


class SeqModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_dim, embedding_dim)

    def forward(self, x, h0, c0):
        out, (hn, cn) = self.lstm(x, (h0, c0))
        return self.fc(out), (hn, cn)


t = torch.arange(0, 12).float()
phase = torch.rand(64, 1, embedding_dim) * 6.28
wave = torch.sin(t.view(1, -1, 1) * 0.5 + phase)
data_loader = DataLoader(TensorDataset(wave[:, :-1], wave[:, 1:]), batch_size=batch_size, drop_last=True)

model = SeqModel()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
loss_fn = nn.MSELoss()

for epoch in range(EPOCH):
    batch_num = 0
    h0 = torch.zeros((num_layers, batch_size, hidden_dim))
    c0 = torch.zeros((num_layers, batch_size, hidden_dim))
    for batch in data_loader:
        optimizer.zero_grad()
        output, (h0, c0) = model(batch[0], h0, c0)
        loss = loss_fn(output.reshape(-1, embedding_dim), batch[1].reshape(-1, embedding_dim))
        loss.backward(retain_graph=True)
        optimizer.step()
        batch_num += 1
        print(f"epoch {epoch} : batch {batch_num} : {loss.item():.4f}")
