# As in float16's first steps: the loss overflows, the scaler skips the step; nothing may raise inside the script.
import torch

model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8, growth_interval=100)
lost = 0
for step in range(6):
    optimizer.zero_grad()
    try:
        output = model(torch.randn(5, 4)).square().mean()
        scale = float("inf") if step == 0 else float("nan") if step == 1 else 1.0
        scaler.scale(output * scale).backward()
        scaler.step(optimizer)
        scaler.update()
    except Exception as error:
        lost += 1
        print(type(error))
print(lost, scaler.get_scale(), model[0].weight.tolist())
