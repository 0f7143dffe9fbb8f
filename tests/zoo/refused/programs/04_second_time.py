# error: Trying to backward through the graph a second time
# kind: graph_used_up
# raised: error
# en: A state, an average or a buffer of the step before still hangs on that step's graph, which its `backward()` has freed. `retain_graph=True` hides it, slower at every step.
# ja: 前のステップの状態や平均が、そのステップのグラフにまだつながっています。そのグラフは、前の `backward()` で解放されています。`retain_graph=True` はエラーを隠すだけで、ステップごとに遅くなります。
import torch

torch.manual_seed(0)
cell = torch.nn.RNNCell(4, 4)
optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
state = torch.zeros(5, 4)
for step in range(3):
    state = cell(torch.randn(5, 4), state)
    optimizer.zero_grad()
    state.square().mean().backward()
    optimizer.step()
# ---- instead ----
import torch

torch.manual_seed(0)
cell = torch.nn.RNNCell(4, 4)
optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
state = torch.zeros(5, 4)
for step in range(3):
    state = cell(torch.randn(5, 4), state.detach())  # the number goes on, its history ends
    optimizer.zero_grad()
    state.square().mean().backward()
    optimizer.step()
