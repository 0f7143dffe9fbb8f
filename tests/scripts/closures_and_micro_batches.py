# LBFGS with a closure, then gradient accumulation, then two players that share a forward pass.
import torch

torch.set_default_dtype(torch.float64)
model = torch.nn.Linear(3, 1)
data, target = torch.randn(8, 3), torch.randn(8, 1)
calls = []
optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4)


def closure():
    calls.append(torch.is_grad_enabled())
    optimizer.zero_grad()
    loss = (model(data) - target).square().mean()
    loss.backward()
    return loss


for _ in range(2):
    optimizer.step(closure)
print(len(calls), model.weight.tolist())

critic = torch.nn.Linear(1, 1)
slow, fast = torch.optim.Adam(model.parameters(), fused=False), torch.optim.AdamW(critic.parameters(), foreach=True)
for _ in range(3):
    for part in data.split(2):
        (model(part).square().mean() / 4).backward()
    slow.step()
    slow.zero_grad(set_to_none=False)
    fake = model(data)
    fast.zero_grad()
    (critic(fake.detach()) - 1).square().mean().backward()
    fast.step()
    critic(fake.clone()).mean().backward()
    slow.step()
    slow.zero_grad()
print(model.weight.tolist(), critic.weight.tolist(), torch.get_default_dtype())
torch.set_default_dtype(torch.float32)
