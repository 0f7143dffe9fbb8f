import torch
import torch.nn as nn
import torch.nn.functional as F


class EncoderCNN(nn.Module):
    def __init__(self, embed=32):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.fc = nn.Linear(64, embed)

    def forward(self, x_3d):
        seq = [self.fc(self.conv(x_3d[:, t]).flatten(1)) for t in range(x_3d.size(1))]
        return torch.stack(seq, dim=0).transpose(0, 1)


class DecoderRNN(nn.Module):
    def __init__(self, embed=32, hidden=48, fc=24, num_classes=4, drop_p=0.2):
        super().__init__()
        self.LSTM = nn.LSTM(input_size=embed, hidden_size=hidden, num_layers=2)
        self.fc1 = nn.Linear(hidden, fc)
        self.fc2 = nn.Linear(fc, num_classes)
        self.drop_p = drop_p

    def forward(self, x_RNN):
        out, _ = self.LSTM(x_RNN, None)
        x = F.relu(self.fc1(out[:, -1, :]))
        x = F.dropout(x, p=self.drop_p, training=self.training)
        return self.fc2(x)


def train(log_interval, models, loader, optimizer, epoch):
    cnn, rnn = models
    cnn.train()
    rnn.train()
    for batch_idx, (X, y) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.cross_entropy(rnn(cnn(X)), y)
        loss.backward()
        optimizer.step()
        if batch_idx % log_interval == 0:
            print(f"Train Epoch: {epoch} [{batch_idx}] Loss: {loss.item():.6f}")


torch.manual_seed(0)
videos, labels = torch.rand(24, 6, 1, 16, 16), torch.randint(0, 4, (24,))
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(videos, labels), batch_size=8, shuffle=True)
cnn_encoder, rnn_decoder = EncoderCNN(), DecoderRNN()
crnn_params = list(cnn_encoder.parameters()) + list(rnn_decoder.parameters())
optimizer = torch.optim.Adam(crnn_params, lr=1e-3)
for epoch in range(2):
    train(1, [cnn_encoder, rnn_decoder], loader, optimizer, epoch)
