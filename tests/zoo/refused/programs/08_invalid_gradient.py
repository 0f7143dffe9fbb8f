# error: returned an invalid gradient at index 0
# kind: custom_function
# raised: error
# en: The `backward` of a custom `autograd.Function` gives a gradient of another shape than its input has.
# ja: 自作の `autograd.Function` の `backward` が、入力と違う形の勾配を返しています。
import torch


class Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value / 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient.mean(0) / 2


torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
Halve.apply(model(torch.randn(5, 4))).mean().backward()
optimizer.step()
# ---- instead ----
import torch


class Halve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value):
        return value / 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient / 2


torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
Halve.apply(model(torch.randn(5, 4))).mean().backward()
optimizer.step()
