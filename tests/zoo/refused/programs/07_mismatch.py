# error: Mismatch in shape: grad_output[0] has a shape of
# kind: suspicious_shape
# raised: error
# en: `backward(gradient=...)` wants weights of the shape of the output.
# ja: `backward(gradient=...)` には、出力と同じ形の重みが要ります。
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
output = model(torch.randn(5, 4))
output.backward(gradient=torch.ones(5))
optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
output = model(torch.randn(5, 4))
output.backward(gradient=torch.ones_like(output))
optimizer.step()
