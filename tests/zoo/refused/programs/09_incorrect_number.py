# error: returned an incorrect number of gradients
# kind: custom_function
# raised: error
# en: `backward` has to give one value for each argument of `forward`, None for those that need none.
# ja: `backward` は `forward` の引数ごとに一つの値を返します。勾配の要らない引数には None を返します。
import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, factor):
        ctx.factor = factor
        return value * factor

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor


torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
Scale.apply(model(torch.randn(5, 4)), 2.0).mean().backward()
optimizer.step()
# ---- instead ----
import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, value, factor):
        ctx.factor = factor
        return value * factor

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.factor, None  # the factor is a plain number


torch.manual_seed(0)
model = torch.nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
Scale.apply(model(torch.randn(5, 4)), 2.0).mean().backward()
optimizer.step()
