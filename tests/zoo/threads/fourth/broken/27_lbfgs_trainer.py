import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(16)


class LightningModule(nn.Module):
    def configure_optimizers(self):
        raise NotImplementedError

    def training_step(self, batch, batch_idx):
        raise NotImplementedError


class LitRegressor(LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.mse_loss(self.net(x), y)

    def configure_optimizers(self):
        return torch.optim.LBFGS(self.parameters(), lr=0.5, max_iter=20, history_size=10)


class Trainer:
    def __init__(self, max_epochs, gradient_clip_val=None):
        self.max_epochs = max_epochs
        self.gradient_clip_val = gradient_clip_val

    def training_step_and_backward(self, model, batch, batch_idx):
        loss = model.training_step(batch, batch_idx)
        loss.backward()
        if self.gradient_clip_val is not None:
            nn.utils.clip_grad_norm_(model.parameters(), self.gradient_clip_val)
        return loss

    def run_training_batch(self, model, optimizer, batch, batch_idx):
        def train_step_and_backward_closure():
            return self.training_step_and_backward(model, batch, batch_idx)

        optimizer.zero_grad()
        loss = optimizer.step(train_step_and_backward_closure)
        return loss.item()

    def fit(self, model, loader):
        optimizer = model.configure_optimizers()
        model.train()
        for epoch in range(self.max_epochs):
            losses = [self.run_training_batch(model, optimizer, batch, i) for i, batch in enumerate(loader)]
            print("epoch %d train_loss %.5f" % (epoch, sum(losses) / len(losses)))


x = torch.randn(256, 4)
y = torch.sin(x[:, :1]) * x[:, 1:2] + 0.5 * x[:, 2:3].abs()
loader = [(x, y)]
Trainer(max_epochs=12).fit(LitRegressor(), loader)
