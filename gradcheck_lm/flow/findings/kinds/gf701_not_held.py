"""GF701 not_held: a leaf that the loss reaches and no optimizer holds."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
first = nn.Linear(4, 4)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(first(inputs)) - targets).square().mean().backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
first = nn.Linear(4, 4)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD([*first.parameters(), *model.parameters()], lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(first(inputs)) - targets).square().mean().backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF701",
    name="not_held",
    since="0.2.0",
    lesson="l14_who_steps_what",
    heading=Text(
        "a gradient arrives, and no optimizer holds the tensor",
        "勾配は届くが、どのオプティマイザも持っていない",
    ),
    about=about(
        Text(
            "A gradient arrives at this tensor, and no optimizer that steps has it among its parameters: it never "
            "learns.",
            "このテンソルに勾配は届きますが、step するどのオプティマイザもこれを持っていません。学習されません。",
        ),
        Text(
            "give it to the optimizer: torch.optim.Adam([*model.parameters(), *other.parameters()])",
            "オプティマイザに渡す: torch.optim.Adam([*model.parameters(), *other.parameters()])",
        ),
        Text(
            "keep modules in nn.ModuleList or nn.ModuleDict and tensors in nn.Parameter, so that model.parameters() "
            "finds them",
            "model.parameters() が見つけられるように、モジュールは nn.ModuleList や nn.ModuleDict に、テンソルは "
            "nn.Parameter に入れる",
        ),
        Text(
            "make the optimizer after the model is finished: replaced heads, lazy layers, .to(dtype)",
            "オプティマイザはモデルが完成してから作る(ヘッドの交換、lazy な層、.to(dtype) の後)",
        ),
        Text(
            "if it is meant to stay fixed: requires_grad_(False)",
            "固定するつもりなら requires_grad_(False)",
        ),
    ),
    causes=(
        Cause(
            "not_registered",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds: it is not "
                "registered as a parameter of a module, so parameters() does not know it.",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持ってい"
                "ません。モジュールのパラメータとして登録されていないため、parameters() には含まれません。",
            ),
            (
                Text(
                    "assign nn.Parameter(tensor) itself to the module: nothing computed from it, and no plain tensor",
                    "nn.Parameter(tensor) そのものをモジュールの属性にする: そこから計算したものや普通のテンソル"
                    "ではいけない",
                ),
                Text(
                    "give it to the optimizer by name: [*model.parameters(), tensor]",
                    "名前を挙げてオプティマイザに渡す: [*model.parameters(), tensor]",
                ),
                Text(
                    "a buffer (register_buffer) is never trained: make it a Parameter",
                    "バッファ(register_buffer)は学習されない: Parameter にする",
                ),
            ),
        ),
        Cause(
            "made_later",
            Text(
                "{parameter} did not exist yet when {optimizer} was made.",
                "{optimizer} を作ったとき、{parameter} はまだありませんでした。",
            ),
            (
                Text(
                    "build the whole model first (run lazy layers once on a batch), then make the optimizer",
                    "先にモデル全体を作り(lazy な層は 1 バッチ通し)、その後でオプティマイザを作る",
                ),
                Text(
                    'or tell it: optimizer.add_param_group({"params": new.parameters()})',
                    'または知らせる: optimizer.add_param_group({"params": new.parameters()})',
                ),
            ),
        ),
        Cause(
            "in_a_container",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds: a plain "
                "list or dict hides a module's parts from parameters().",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持ってい"
                "ません。普通のリストや辞書に入れた部品は、モジュールの parameters() から見えません。",
            ),
            (
                Text(
                    "nn.ModuleList, nn.ModuleDict, nn.ParameterList or nn.ParameterDict in place of the list or dict",
                    "リストや辞書の代わりに nn.ModuleList、nn.ModuleDict、nn.ParameterList、nn.ParameterDict を使う",
                ),
                Text(
                    "make the optimizer after that, from model.parameters()",
                    "その後で model.parameters() からオプティマイザを作る",
                ),
            ),
        ),
        Cause(
            "beside_frozen",
            Text(
                "All {count} tensors that {optimizer} holds are frozen, so its step() moves nothing; backward() at "
                "{line} gives a gradient to {parameters}, which no optimizer holds.",
                "{optimizer} が持つ {count} 個のテンソルはすべて凍結されているため、step() は何も動かしません。"
                "{line} の backward() は {parameters} に勾配を与えますが、どのオプティマイザもそれを持っていません。",
            ),
            (
                Text(
                    "put adapters, prompts and new heads into the model first, then make the optimizer",
                    "アダプタ、プロンプト、新しいヘッドを先にモデルに組み込み、その後でオプティマイザを作る",
                ),
                Text(
                    "from what learns alone: torch.optim.Adam(p for p in model.parameters() if p.requires_grad)",
                    "学習するものだけを渡す: torch.optim.Adam(p for p in model.parameters() if p.requires_grad)",
                ),
            ),
        ),
        Cause(
            "left_out",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds: "
                "{optimizer}, which steps on this loss, was made without it.",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持ってい"
                "ません。この損失で更新する {optimizer} には、それが渡されていません。",
            ),
            (
                Text(
                    "give it to the optimizer: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                    "オプティマイザに渡す: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                ),
                Text(
                    "make the optimizer after the model is finished: replaced heads, lazy layers, .to(dtype)",
                    "オプティマイザはモデルが完成してから作る(ヘッドの交換、lazy な層、.to(dtype) の後)",
                ),
                Text(
                    "if it is meant to stay fixed: requires_grad_(False)",
                    "固定するつもりなら requires_grad_(False)",
                ),
            ),
        ),
        Cause(
            "in_eval",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds: "
                "{optimizer}, which steps on this loss, was made without it. Its module is in eval mode: if "
                "it is meant to stay as it is, requires_grad_(False) saves its gradient.",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持ってい"
                "ません。この損失で更新する {optimizer} には、それが渡されていません。そのモジュールは評価"
                "モードです。変えないつもりなら、requires_grad_(False) で勾配の計算を省けます。",
            ),
            (
                Text(
                    "if it is meant to stay fixed: requires_grad_(False)",
                    "固定するつもりなら requires_grad_(False)",
                ),
                Text(
                    "give it to the optimizer: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                    "オプティマイザに渡す: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                ),
            ),
        ),
        Cause(
            "made_anew",
            Text(
                "This layer is made anew in each step, with fresh random weights: backward() at {line} gives its "
                "{count} parameters a gradient, no optimizer holds them, and the next step makes others.",
                "この層はステップごとに新しい乱数の重みで作り直されます。{line} の backward() でその {count} 個の"
                "パラメータに勾配が届きますが、どのオプティマイザもそれを持たず、次のステップでは別のものが作られます。",
            ),
            (
                Text(
                    "make it once, in __init__: self.layer = nn.Linear(...), and call self.layer(x) in forward",
                    "__init__ で一度だけ作り(self.layer = nn.Linear(...))、forward では self.layer(x) を呼ぶ",
                ),
                Text(
                    "make the optimizer after that, from model.parameters()",
                    "その後で model.parameters() からオプティマイザを作る",
                ),
            ),
        ),
        Cause(
            "copy",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds. They began as a copy "
                "of {held}, which {optimizer} trains on this loss: a target network need not be trained, and without "
                "gradient its backward pass is saved.",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持っていません。"
                "最初は {held} のコピーで、そちらは {optimizer} がこの損失で学習します。ターゲットネットワークは学習"
                "不要で、勾配を切れば逆伝播の計算を省けます。",
            ),
            (
                Text(
                    "if it is a target: with torch.no_grad(): around its forward pass, or requires_grad_(False)",
                    "ターゲットなら、その順伝播を with torch.no_grad(): で囲むか requires_grad_(False) にする",
                ),
                Text(
                    "give it to the optimizer: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                    "オプティマイザに渡す: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                ),
            ),
        ),
        Cause(
            "beside_no_module",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds: "
                "{optimizer}, which steps on this loss, was made without it. What is optimised here is no "
                "parameter of a module, so this may be meant.",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持ってい"
                "ません。この損失で更新する {optimizer} には、それが渡されていません。ここで最適化されるの"
                "はモジュールのパラメータではないので、意図どおりかもしれません。",
            ),
            (
                Text(
                    "if it is meant to stay fixed: requires_grad_(False)",
                    "固定するつもりなら requires_grad_(False)",
                ),
                Text(
                    "give it to the optimizer: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                    "オプティマイザに渡す: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                ),
            ),
        ),
        Cause(
            "other_branch",
            Text(
                "backward() at {line} gives a gradient to {parameters}, which no optimizer holds: "
                "{optimizer}, which steps on this loss, was made without it. It holds all of {held} and "
                "nothing of {missed}: if that is meant, requires_grad_(False) says so.",
                "{line} の backward() で {parameters} に勾配が届きますが、どのオプティマイザもそれを持ってい"
                "ません。この損失で更新する {optimizer} には、それが渡されていません。{held} はすべて持ち、"
                "{missed} は何も持っていません。意図どおりなら requires_grad_(False) で示せます。",
            ),
            (
                Text(
                    "if it is meant to stay fixed: requires_grad_(False)",
                    "固定するつもりなら requires_grad_(False)",
                ),
                Text(
                    "give it to the optimizer: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                    "オプティマイザに渡す: torch.optim.Adam([*model.parameters(), *other.parameters()])",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
