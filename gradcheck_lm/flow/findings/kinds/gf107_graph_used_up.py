"""GF107 graph_used_up: backward() a second time, or through a state carried over from the step before: both lines."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.RNN(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(5, 2, 4)
state = torch.zeros(1, 2, 3)


def step():
    global state
    optimizer.zero_grad()
    outputs, state = model(inputs, state)
    outputs.square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.RNN(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(5, 2, 4)
state = torch.zeros(1, 2, 3)


def step():
    global state
    optimizer.zero_grad()
    outputs, state = model(inputs, state.detach())
    outputs.square().mean().backward()
    optimizer.step()
"""
_CARRIED = (
    Text(
        "a state carried from step to step: state = state.detach() where the new step begins",
        "ステップ間で持ち越す状態は、新しいステップの始めで state = state.detach()",
    ),
    Text(
        "what was computed once before the loop and is trained: compute it anew inside the loop",
        "ループの前に一度だけ計算し、学習もするものは、ループの中で計算し直す",
    ),
)

KIND = Kind(
    code="GF107",
    name="graph_used_up",
    since="0.2.0",
    lesson="l15_gradients_add_up",
    heading=Text(
        "backward() through a graph that is used up",
        "使い終わった計算グラフへの backward()",
    ),
    about=about(
        Text(
            "backward() frees what the graph kept; this loss leads into a graph that an earlier backward() has used "
            "up.",
            "backward() はグラフが保存した値を解放します。この損失は、以前の backward() "
            "が使い終えたグラフにつながっています。",
        ),
        Text(
            "add the losses of one graph and call backward() once: (a + b).backward()",
            "1 つのグラフの損失は足して backward() を 1 回呼ぶ: (a + b).backward()",
        ),
        Text(
            "a state carried from step to step: state = state.detach() where the new step begins",
            "ステップ間で持ち越す状態は、新しいステップの始めで state = state.detach()",
        ),
        Text(
            "what was computed once before the loop and is trained: compute it anew inside the loop",
            "ループの前に一度だけ計算し、学習もするものは、ループの中で計算し直す",
        ),
        Text(
            "retain_graph=True only where two backward passes over one graph are really meant",
            "retain_graph=True は、1 つのグラフに 2 回の逆伝播が本当に必要なときだけ",
        ),
    ),
    causes=(
        Cause(
            "twice",
            Text(
                "backward() at {line} has been through this graph already and has freed what it kept; "
                "nothing was computed anew since.",
                "{line} の backward() がすでにこのグラフを通り、保存した値を解放しました。その後、計算し直さ"
                "れたものはありません。",
            ),
            (
                Text(
                    "add the losses and call backward() once: (a + b).backward()",
                    "損失を足して backward() を 1 回呼ぶ: (a + b).backward()",
                ),
                Text(
                    "backward(retain_graph=True) at {line}, if both passes are meant",
                    "両方の逆伝播が必要なら {line} で backward(retain_graph=True)",
                ),
            ),
        ),
        Cause(
            "carried",
            Text(
                "What is read here was computed before the last backward(), with its history, and that history was "
                "freed by backward() at {line}: the new loss leads back into it.",
                "ここで読まれる値は前回の backward() より前に計算されました。その履歴は {line} の backward() "
                "が解放しましたが、新しい損失はそこにつながっています。",
            ),
            _CARRIED,
        ),
        Cause(
            "read_again",
            Text(
                "What is read here was computed before, with its history, and a backward() has freed that history: the "
                "new loss leads back into it.",
                "ここで読まれる値は以前に計算されました。その履歴は backward() が解放しましたが、"
                "新しい損失はそこにつながっています。",
            ),
            _CARRIED,
        ),
        Cause(
            "state_carried",
            Text(
                "What is read here was computed before the last backward(), with its history, and that "
                "history was freed by backward() at {line}: the new loss leads back into it.",
                "ここで読む値は前の backward() より前に履歴付きで計算されたもので、その履歴は {line} の"
                " backward() で解放されました。新しい損失はそこへさかのぼります。",
            ),
            (
                Text(
                    "cut a state where a step begins: state = state.detach() (truncated backpropagation through time)",
                    "状態はステップの始めで切る: state = state.detach() (打ち切り型 BPTT)",
                ),
                Text(
                    "what was computed once before the loop and is trained: compute it anew inside the loop",
                    "ループの前に一度だけ計算し、学習もするものは、ループの中で計算し直す",
                ),
                Text(
                    "retain_graph=True is no cure: every step would go back over all steps before it",
                    "retain_graph=True は解決にならない: 毎ステップ、過去の全ステップをさかのぼることになる",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "what the graph kept is freed: no gradient can be led through it a second time",
            "グラフが保存した値は解放済みで、勾配を 2 度通すことはできません",
        )
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
