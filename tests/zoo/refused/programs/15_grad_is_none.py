# error: 'NoneType' object has no attribute 'zero_'
# kind: grad_is_none
# raised: error
# also: or `'data'`, or `unsupported operand type(s) for *: 'float' and 'NoneType'`
# also_ja: `'data'`、`unsupported operand type(s) for *: 'float' and 'NoneType'` も同じ
# en: A `.grad` that is None is used. `backward()` fills `.grad` of leaves alone: `weight = weight - rate * weight.grad` gives the name to a new tensor, which is none. The same error comes of a `.grad` that is read before `backward()`, or after `zero_grad()`, which sets it to None.
# ja: None になっている `.grad` を使っています。`backward()` が `.grad` を埋めるのはリーフだけで、`weight = weight - rate * weight.grad` とすると、その名前はリーフではない新しいテンソルを指します。`.grad` を `backward()` の前に読んだとき、`.grad` を None にする `zero_grad()` の後に読んだときも、同じエラーになります。
import torch

torch.manual_seed(0)
inputs, targets = torch.randn(8, 3), torch.randn(8)
weight = torch.zeros(3, requires_grad=True)
for _ in range(3):
    loss = (inputs @ weight - targets).square().mean()
    loss.backward()
    weight = weight - 0.1 * weight.grad
    weight.grad.zero_()
# ---- instead ----
import torch

torch.manual_seed(0)
inputs, targets = torch.randn(8, 3), torch.randn(8)
weight = torch.zeros(3, requires_grad=True)
for _ in range(3):
    loss = (inputs @ weight - targets).square().mean()
    loss.backward()
    with torch.no_grad():
        weight -= 0.1 * weight.grad
    weight.grad.zero_()
