"""GF303 underflow: a float16 gradient rounds to zero: scaler or bfloat16."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3).half()
inputs = torch.ones(2, 4).half()


def loss():
    return (model(inputs) * 1e-6).float().square().sum()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3).bfloat16()
inputs = torch.ones(2, 4).bfloat16()


def loss():
    return (model(inputs) * 1e-6).float().square().sum()
"""

KIND = Kind(
    code="GF303",
    name="underflow",
    since="0.2.0",
    lesson="l20_mixed_precision",
    heading=Text(
        "a half-precision gradient that rounds to zero",
        "半精度で 0 に丸められた勾配",
    ),
    about=about(
        Text(
            "The gradient here is smaller than half precision can hold, and rounds to zero: with a larger loss it is "
            "there.",
            "ここの勾配は半精度で表せる値より小さく、0 に丸められます。損失を大きくすると現れます。",
        ),
        Text(
            "torch.amp.GradScaler: scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()",
            "torch.amp.GradScaler を使う: scaler.scale(loss).backward()、scaler.step(optimizer)、scaler.update()",
        ),
        Text(
            "bfloat16 instead of float16: it holds the same range as float32",
            "float16 の代わりに bfloat16 を使う(float32 と同じ範囲を表せる)",
        ),
        Text(
            "keep the weights and the loss in float32 and let autocast choose: with torch.autocast(...)",
            "重みと損失は float32 のままにし、autocast に任せる: with torch.autocast(...)",
        ),
    ),
    causes=(
        Cause(
            "unscaled",
            Text(
                "{count} elements of {parameter}'s gradient are zero in {dtype}, and not with the loss multiplied by "
                "{scale}.",
                "{parameter} の勾配のうち {count} 個は {dtype} では 0 ですが、損失を {scale} 倍すると 0 "
                "でなくなります。",
            ),
            (
                Text(
                    "torch.amp.GradScaler: scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()",
                    "torch.amp.GradScaler を使う: scaler.scale(loss).backward()、scaler.step(optimizer)、"
                    "scaler.update()",
                ),
                Text(
                    "bfloat16 instead of float16",
                    "float16 の代わりに bfloat16 を使う",
                ),
            ),
        ),
        Cause(
            "weight_of_the_term",
            Text(
                "The term's own weight ({weight}) brings its gradient below what {dtype} holds.",
                "項の重み({weight})のため、勾配が {dtype} で表せる値より小さくなっています。",
            ),
            (
                Text(
                    "multiply by the weight in float32: weight * term.float()",
                    "重みは float32 で掛ける: weight * term.float()",
                ),
                Text(
                    "torch.amp.GradScaler over the whole loss",
                    "損失全体に torch.amp.GradScaler を使う",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient is not cut but too small for its precision: scale the loss",
            "勾配は切れておらず、精度に対して小さすぎます。損失をスケールしてください",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
