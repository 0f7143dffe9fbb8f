import torch
import torch.nn as nn

torch.manual_seed(0)
N_FEATURE = 8
coef = torch.tensor([1.2, -0.8, 0.6, 0.0, 0.0, 0.5, -0.5, 0.0])


def make_patients(n):
    x = torch.randn(n, N_FEATURE)
    hazard = (x @ coef).exp()
    survival = -torch.rand(n).clamp_min(1e-6).log() / hazard
    censor = -torch.rand(n).clamp_min(1e-6).log() * 2.0
    time = torch.minimum(survival, censor)
    event = (survival <= censor).float()
    return x, time.unsqueeze(1), event.unsqueeze(1)


class DeepSurv(nn.Module):
    def __init__(self, dims=(N_FEATURE, 32, 32), drop=0.1):
        super().__init__()
        layers = []
        for i, o in zip(dims[:-1], dims[1:]):
            layers += [nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU(), nn.Dropout(drop)]
        self.net = nn.Sequential(*layers, nn.Linear(dims[-1], 1))

    def forward(self, x):
        return self.net(x)


class NegativeLogLikelihood(nn.Module):
    """Cox partial likelihood; mask[j, i] says whether patient j is at risk at the time of i."""

    def __init__(self, l2=1e-3):
        super().__init__()
        self.l2 = l2

    def forward(self, risk, time, event, model):
        mask = (time >= time.t()).float()
        log_loss = torch.exp(risk) * mask
        log_loss = torch.sum(log_loss, dim=1) / torch.sum(mask, dim=0)
        log_loss = torch.log(log_loss).reshape(-1, 1)
        neg_log_loss = -torch.sum((risk - log_loss) * event) / torch.sum(event)
        reg = sum(p.norm() for name, p in model.named_parameters() if "weight" in name)
        return neg_log_loss + self.l2 * reg


def c_index(risk, time, event):
    risk, time, event = risk.squeeze(1), time.squeeze(1), event.squeeze(1)
    comparable = (time.unsqueeze(1) < time.unsqueeze(0)) & (event.unsqueeze(1) > 0)
    right = (risk.unsqueeze(1) > risk.unsqueeze(0)) & comparable
    return right.sum().item() / comparable.sum().item()


x_train, t_train, e_train = make_patients(800)
x_test, t_test, e_test = make_patients(400)
model = DeepSurv()
criterion = NegativeLogLikelihood()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

for epoch in range(150):
    model.train()
    loss = criterion(model(x_train), t_train, e_train, model)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 25 == 24:
        model.eval()
        with torch.no_grad():
            ci = c_index(model(x_test), t_test, e_test)
        print(f"epoch {epoch + 1} loss {loss.item():.5f} test c-index {ci:.4f}")
