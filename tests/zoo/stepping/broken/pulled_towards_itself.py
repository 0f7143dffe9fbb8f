# expected: overwritten
# A client is to stay near the server's weights, and is pulled towards its own.
import torch
from torch import nn

torch.manual_seed(0)


class Client:
    def __init__(self, model, pull):
        self.model, self.pull = model, pull
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def fit(self, batches):
        server_weights = [p.data for p in self.model.parameters()]  # <- overwritten
        for x in batches:
            self.optimizer.zero_grad()
            nn.functional.mse_loss(self.model(x), x.sum(1, keepdim=True)).backward()
            for weight, start in zip(self.model.parameters(), server_weights, strict=True):
                weight.grad += self.pull * (weight.data - start)
            self.optimizer.step()


model = nn.Linear(4, 1)
Client(model, pull=1.0).fit(torch.randn(3, 8, 4))
