import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class LoadForecaster(nn.Module):
    def __init__(self, d_in=10):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d_in, 32), nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x))).squeeze(-1)


class Client:
    def __init__(self, cid, model, data, cfg):
        self.cid, self.model, self.cfg = cid, model, cfg
        self.x, self.y = data

    def callback_for_model_para(self, message):
        self.model.load_state_dict(message["content"])
        return self.local_train()

    def local_train(self):
        opt = torch.optim.SGD(self.model.parameters(), lr=self.cfg.lr)
        for _ in range(self.cfg.local_steps):
            idx = torch.randint(0, len(self.y), (32,))
            loss = F.mse_loss(self.model(self.x[idx]), self.y[idx])
            opt.zero_grad()
            loss.backward()
            opt.step()
        para = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        return {"sender": self.cid, "content": (len(self.y), para), "loss": loss.item()}


class ClientsAvgAggregator:
    def aggregate(self, feedback):
        total = sum(n for n, _ in feedback)
        keys = feedback[0][1].keys()
        return {k: sum(p[k] * (n / total) for n, p in feedback) for k in keys}


class Server:
    def __init__(self, model, clients, test, cfg):
        self.model, self.clients, self.test, self.cfg = model, clients, test, cfg
        self.aggregator = ClientsAvgAggregator()

    def broadcast_model_para(self):
        model_para = self.model.state_dict()
        return {"sender": 0, "content": model_para}

    def evaluate(self):
        with torch.no_grad():
            x, y = self.test
            pred = self.model(x)
            return F.mse_loss(pred, y).item(), (pred - y).mean().item()

    def run(self):
        for rnd in range(self.cfg.rounds):
            message = self.broadcast_model_para()
            replies = [c.callback_for_model_para(message) for c in self.clients]
            self.model.load_state_dict(self.aggregator.aggregate([r["content"] for r in replies]))
            if rnd % 5 == 4:
                loss, bias = self.evaluate()
                local = " ".join(f"{r['loss']:.2f}" for r in replies)
                print(f"round {rnd + 1:2d} test mse {loss:.3f} bias {bias:+.3f} local [{local}]")


def region_data(n, offset, weight):
    x = torch.randn(n, weight.numel())
    return x, x @ weight + offset + 0.1 * torch.randn(n)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=30)
    p.add_argument("--local_steps", type=int, default=8)
    p.add_argument("--lr", type=float, default=0.02)
    p.add_argument("--clients", type=int, default=5)
    p.add_argument("--share_local_model", type=int, default=1)
    cfg = p.parse_args()
    torch.manual_seed(0)
    weight = torch.randn(10) * 0.3
    offsets = torch.linspace(2.0, -2.0, cfg.clients).tolist()
    parts = [region_data(300, o, weight) for o in offsets]
    tests = [region_data(100, o, weight) for o in offsets]
    test = (torch.cat([x for x, _ in tests]), torch.cat([y for _, y in tests]))
    model = LoadForecaster()
    clients = []
    for cid, part in enumerate(parts, 1):
        local = model if cfg.share_local_model else LoadForecaster()
        clients.append(Client(cid, local, part, cfg))
    Server(model, clients, test, cfg).run()


if __name__ == "__main__":
    main()
