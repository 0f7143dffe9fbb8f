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
    lesson="l12_your_own_code",
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
            "in_a_list",
            Text(
                "{parameter} belongs to a module kept in a plain list ({name}), which {owner}.parameters() does not "
                "look into.",
                "{parameter} のモジュールは普通のリスト({name})に入っており、{owner}.parameters() はその中を見ません。",
            ),
            (
                Text(
                    "{name} = nn.ModuleList([...])",
                    "{name} = nn.ModuleList([...]) とする",
                ),
                Text(
                    "or hand its parameters over: [*model.parameters(), *(p for part in {name} for p in "
                    "part.parameters())]",
                    "またはパラメータを渡す: [*model.parameters(), *(p for part in {name} for p in part.parameters())]",
                ),
            ),
        ),
        Cause(
            "in_a_dict",
            Text(
                "{parameter} belongs to a module kept in a plain dict ({name}), which {owner}.parameters() does not "
                "look into.",
                "{parameter} のモジュールは普通の辞書({name})に入っており、{owner}.parameters() はその中を見ません。",
            ),
            (
                Text(
                    "{name} = nn.ModuleDict(...)",
                    "{name} = nn.ModuleDict(...) とする",
                ),
            ),
        ),
        Cause(
            "not_registered",
            Text(
                "{parameter} is a tensor that {owner} does not register: only an nn.Parameter set as an attribute is "
                "one of its parameters.",
                "{parameter} は {owner} に登録されていないテンソルです。属性に設定した nn.Parameter "
                "だけがパラメータになります。",
            ),
            (
                Text(
                    "self.{name} = nn.Parameter(torch.randn(...)) in __init__, scaled inside the call: what is "
                    "computed from a Parameter is none",
                    "__init__ で self.{name} = nn.Parameter(torch.randn(...)) とし、尺度は中で掛ける: Parameter "
                    "から計算したものは Parameter ではない",
                ),
                Text(
                    "a buffer (register_buffer) is never trained: make it a Parameter",
                    "バッファ(register_buffer)は学習されない: Parameter にする",
                ),
            ),
        ),
        Cause(
            "replaced_later",
            Text(
                "{parameter} was put in at {line}, after {optimizer} was made: the optimizer holds the tensor that "
                "was there before.",
                "{parameter} は {optimizer} を作った後の {line} で置き換えられました。"
                "オプティマイザが持つのは以前のテンソルです。",
            ),
            (
                Text(
                    "replace first, then make the optimizer",
                    "先に置き換え、その後でオプティマイザを作る",
                ),
                Text(
                    'or tell it: optimizer.add_param_group({"params": new.parameters()})',
                    'または知らせる: optimizer.add_param_group({"params": new.parameters()})',
                ),
                Text(
                    "to change values alone, write into the old tensor under no_grad: old.copy_(new)",
                    "値だけ変えるなら no_grad の中で古いテンソルに書く: old.copy_(new)",
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
            "never_given",
            Text(
                "{parameter} of {module} gets a gradient, and no optimizer was given it.",
                "{module} の {parameter} は勾配を受け取りますが、どのオプティマイザにも渡されていません。",
            ),
            (
                Text(
                    "give it to the optimizer made at {line}: [*model.parameters(), *{module}.parameters()]",
                    "{line} で作るオプティマイザに渡す: [*model.parameters(), *{module}.parameters()]",
                ),
                Text(
                    "if {module} is meant to stay fixed: {module}.requires_grad_(False)",
                    "{module} を固定するつもりなら {module}.requires_grad_(False)",
                ),
            ),
        ),
        Cause(
            "copy",
            Text(
                "{optimizer} holds a copy of {parameter}: the loss is computed with the original.",
                "{optimizer} が持つのは {parameter} のコピーで、損失は元のモデルで計算されています。",
            ),
            (
                Text(
                    "make the optimizer from the model that computes the loss, after wrapping, copying and moving",
                    "ラップ、コピー、移動の後で、損失を計算するモデルからオプティマイザを作る",
                ),
            ),
        ),
    ),
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
