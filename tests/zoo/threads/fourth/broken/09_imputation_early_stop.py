import torch
import torch.nn as nn

torch.manual_seed(4)


class GRUImputer(nn.Module):
    def __init__(self, n_features, hidden):
        super().__init__()
        self.rnn = nn.GRU(2 * n_features, hidden, batch_first=True, bidirectional=True)
        self.proj = nn.Linear(2 * hidden, n_features)

    def forward(self, x, mask):
        h, _ = self.rnn(torch.cat([x * mask, mask], -1))
        return self.proj(h)


class BaseNNModel:
    def __init__(self, model, epochs, patience, lr):
        self.model = model
        self.epochs, self.patience = epochs, patience
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.best_loss = float("inf")
        self.best_model_dict = None

    def _loss(self, x, mask, hold):
        out = self.model(x, mask)
        return ((out - x) ** 2 * hold).sum() / hold.sum()

    def _train_model(self, train, val):
        wait = self.patience
        for epoch in range(1, self.epochs + 1):
            self.model.train()
            loss = self._loss(train[0], train[1], 1 - train[1])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.model.eval()
            with torch.no_grad():
                val_loss = self._loss(val[0], val[1], 1 - val[1]).item()
            if epoch % 40 == 0:
                print("epoch %d training loss %.4f validation loss %.4f" % (epoch, loss.item(), val_loss))
            if val_loss < self.best_loss:
                self.best_loss = val_loss
                self.best_model_dict = self.model.state_dict()
                wait = self.patience
            else:
                wait -= 1
            if wait == 0:
                print("early stop at", epoch)
                break
        self.model.load_state_dict(self.best_model_dict)

    def fit(self, train, val):
        self._train_model(train, val)
        self.model.eval()
        with torch.no_grad():
            final = self._loss(val[0], val[1], 1 - val[1]).item()
        print("best validation loss %.4f, loaded model gives %.4f" % (self.best_loss, final))


def make(n):
    t = torch.linspace(0, 6.28, 16)
    phase = torch.rand(n, 1, 3) * 6.28
    x = torch.sin(t[None, :, None] + phase) + 0.5 * torch.randn(n, 16, 3)
    return x, (torch.rand_like(x) > 0.3).float()


imputer = BaseNNModel(GRUImputer(3, 48), epochs=240, patience=40, lr=1e-2)
imputer.fit(make(20), make(64))
