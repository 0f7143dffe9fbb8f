"""Lesson 20: mixed precision and loss scaling.

Under autocast in float16 a small gradient is rounded to 0, and one clipped in the wrong place is
far too small. After engichang1467/Open-Rig3R#35, milesial/Pytorch-UNet#468 and Lightning-AI/pytorch-lightning#9599.
Run it: python lessons/l20_mixed_precision/lesson.py --lang ja
"""

import copy
import functools

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import (
    ask,
    beat,
    begin,
    choice,
    code,
    finish,
    holds,
    picture,
    plot,
    say,
    show,
    table,
    told,
)

begin(__file__)

inputs, targets = torch.randn(64, 16), torch.randn(64, 4)
start = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))


def loss_of(model, weight=3e-6, dtype=torch.float16):
    with torch.autocast("cpu", dtype=dtype):
        out = model(inputs)
    return weight * (out.float() - targets).square().mean()


def train(model, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()


def moved(model):
    """How far each layer is from where it began."""
    return [(now - before).norm().item() for now, before in zip(model.parameters(), start.parameters(), strict=True)]


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="補助的な損失に小さい係数を掛け、`autocast` の混合精度(float16)で学習します。"
    "エラーも警告も出ず、損失は有限で、重みはすべて float32 です。",
    en="A side loss with a small weight is trained in mixed precision: `autocast` with float16. There is no error "
    "and no warning, the loss is finite, and all weights are float32.",
)
code(loss_of)
code(train)
model = copy.deepcopy(start)
train(model, 5)
first, last = moved(model)[0], moved(model)[-1]
show("loss before", loss_of(start))
show("first layer moved by", first)
show("last bias moved by", last)
holds(first == 0 < last, "the first layer stays to the bit, and the last bias moves")
say(
    ja="最後の層のバイアスは動いているのに、最初の層の重みは 1 ビットも動いていません。",
    en="The bias of the last layer has moved, and not one bit of the first layer's weights has.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`backward()` の前に損失を `65536` 倍し、出てきた勾配を `65536` で割ります。"
    "最初の層の勾配はどうなるでしょうか。",
    en="The loss is multiplied by `65536` before `backward()`, and the gradient that comes out is divided by "
    "`65536`. What becomes of the gradient of the first layer?",
    choices=[
        choice(ja="0 のまま(掛けて割れば、元と同じだから)", en="it stays 0: to multiply and divide changes nothing"),
        choice(ja="float32 で計算した勾配と、ほぼ同じになる", en="it is nearly that of float32", right=True),
        choice(ja="`65536` 倍の勾配になる", en="it is `65536` times too large"),
        choice(ja="オーバーフローして NaN になる", en="it overflows and is NaN"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def gradient_of(dtype, scale):
    """The first layer's gradient, by way of a scaled loss."""
    (found,) = torch.autograd.grad(scale * loss_of(start, dtype=dtype), start[0].weight)
    return found / scale


def lost(gradient):
    """The share of entries that are 0, or no longer finite."""
    return ((gradient == 0) | ~gradient.isfinite()).float().mean().item()


with torch.autocast("cpu", enabled=False):
    truth = torch.autograd.grad(3e-6 * (start(inputs) - targets).square().mean(), start[0].weight)[0]
scales = [2.0**power for power in range(0, 41, 4)]
curves = {name: [lost(gradient_of(dtype, scale)) for scale in scales]
          for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16))}  # fmt: skip
rows = []
for dtype, scale in ((torch.float16, 1.0), (torch.float16, 65536.0), (torch.float16, 2.0**40), (torch.bfloat16, 1.0)):
    found = gradient_of(dtype, scale)
    off = ((found - truth).norm() / truth.norm()).item()
    rows.append([str(dtype).removeprefix("torch."), scale, lost(found), off])
table(["dtype", "loss scale", "entries lost", "off float32"], rows)
plot("entries-lost", scales, curves, x_label="loss scale", y_label="share of entries lost", log=True)
holds(rows[0][2] == 1 and rows[1][2] == 0 and rows[1][3] < 0.01, "all is lost without a scale, nothing with 65536")
holds(rows[2][2] == 1 and rows[3][2] == 0, "too large a scale loses all again, and bfloat16 needs none")
holds(rows[1][3] < rows[3][3], "scaled float16 is more exact than bfloat16")
say(
    ja="スケールなしの float16 では、最初の層の勾配はすべて 0 です(アンダーフロー)。`65536` 倍すると、float32 "
    "の値との相対差は {near:.2g} になります。大きすぎるスケールでは、今度は無限大になって失われます(オーバーフロー)。"
    "bfloat16 には、スケールが要りません。",
    en="In float16 without a scale every entry of the first layer's gradient is 0: it underflows. With `65536` its "
    "relative distance from float32 is {near:.2g}. Too large a scale loses it again, to infinity: it overflows. "
    "bfloat16 needs no scale.",
    near=rows[1][3],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
rows = []
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    limits = torch.finfo(dtype)
    tiny = torch.tensor(2e-8, dtype=dtype).item()
    grown = (torch.tensor(1.0, dtype=dtype) + torch.tensor(2e-4, dtype=dtype)).item() - 1.0
    rows.append([str(dtype).removeprefix("torch."), limits.max, limits.smallest_normal, limits.eps, tiny, grown])
table(["dtype", "largest", "smallest normal", "eps", "2e-8 becomes", "(1 + 2e-4) - 1"], rows)
holds(rows[1][4] == 0 and rows[2][4] > 0, "float16 rounds 2e-8 to 0, and bfloat16 does not")
holds(rows[0][5] > 0 == rows[1][5] == rows[2][5], "a small step is lost in both half precisions")
say(
    ja="float16 は bfloat16 より細かい代わりに、範囲の狭い型です。小さい値は 0 に丸められ、"
    "そこから先の逆伝播はすべて 0 です。連鎖律は掛け算なので、損失に掛けた数は途中のすべての勾配に掛かり、最後に "
    "float32 で割れば元に戻ります。",
    en="float16 is finer than bfloat16, and narrow: small values are rounded to 0, and from there on the backward "
    "pass is 0. The chain rule multiplies: a factor at the loss is a factor of every gradient on the way, and is "
    "divided out at the end, in float32.",
)
say(
    ja="bfloat16 は範囲が float32 と同じで、その代わりに粗い型です。どちらの型でも、重みそのものを半精度にすると、"
    "小さい更新は足しても消えます。だから、重みとオプティマイザは float32 のままにします。",
    en="bfloat16 has the range of float32, and is coarse. With weights that are themselves in half precision, a "
    "small update is lost when it is added, in both: weights and optimizer stay in float32.",
)
diagnosis = gc.diagnose(lambda: loss_of(start), wrt=start)
picture(diagnosis, "underflow")
holds("GF303" in {one.code for one in diagnosis.errors}, "the debugger names underflow")
say(
    ja="診断は、勾配が 0 に丸められた行を `{name}` として示します。損失を大きくすると 0 "
    "でなくなることも確かめています。",
    en="The diagnosis names the line at which the gradient is rounded to 0: `{name}`. It has tried a larger loss, "
    "with which it is not 0.",
    name=diagnosis.errors[0].kind,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def scaled_step(model, optimizer, scaler, weight=3e-6):
    optimizer.zero_grad()
    scaler.scale(loss_of(model, weight)).backward()
    scaler.step(optimizer)  # divides by the scale, or skips
    scaler.update()  # halves the scale after a skip


code(scaled_step)
model = copy.deepcopy(start)
optimizer, scaler = torch.optim.Adam(model.parameters(), lr=0.01), torch.amp.GradScaler("cpu")
scaled_step(model, optimizer, scaler)
off = ((model[0].weight.grad - truth).norm() / truth.norm()).item()
show("gradient norm", model[0].weight.grad.norm())
show("off float32", off)
show("first layer moved by", moved(model)[0])
holds(off < 0.01 and min(moved(model)) > 0, "the gradient is there, of the right value, and every layer moves")
model = copy.deepcopy(start)
optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=2.0**20)
rows = []
for step in range(1, 7):
    before, scale = model[0].weight.clone(), scaler.get_scale()
    scaled_step(model, optimizer, scaler, weight=1.0)
    rows.append([step, scale, str(bool((model[0].weight != before).any())), scaler.get_scale()])
table(["step", "loss scale", "weights moved", "scale afterwards"], rows)
holds(rows[0][2] == "False" and rows[-1][2] == "True", "the first step is left out, and a later one is not")
say(
    ja="スケールが大きすぎて勾配が有限でないとき、`scaler.step` は更新を飛ばし、`scaler.update` "
    "がスケールを半分にします。最初の数ステップが飛ばされるのは、故障ではありません。",
    en="Where the scale is too large and a gradient is not finite, `scaler.step` skips the step and "
    "`scaler.update` halves the scale. A few skipped steps at the beginning are no fault.",
)


def clipped_too_early(model, optimizer, scaler):
    optimizer.zero_grad()
    scaler.scale(loss_of(model, 1.0)).backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    scaler.step(optimizer)
    scaler.update()
    return norm.item()


def clipped_in_order(model, optimizer, scaler):
    optimizer.zero_grad()
    scaler.scale(loss_of(model, 1.0)).backward()
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    scaler.step(optimizer)
    scaler.update()
    return norm.item()


say(
    ja="もう一つ、とても多い間違いがあります。勾配クリッピングを、スケールを割り戻す前に行うことです。",
    en="There is a second mistake, a very common one: gradients are clipped before the scale is divided out.",
)
code(clipped_too_early)
code(clipped_in_order)
rows, codes = [], []
for function in (clipped_too_early, clipped_in_order):
    model = copy.deepcopy(start)
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu", init_scale=2.0**10)
    norm = function(model, optimizer, scaler)
    length = sum(one**2 for one in moved(model)) ** 0.5
    report = gc.diagnose_step(functools.partial(function, model, optimizer, scaler), model, optimizer)
    if report.findings:
        told(report)
    codes.append([one.code for one in report.findings])
    rows.append([function.__name__, norm, length, ", ".join(codes[-1]) or "none"])
table(["function", "norm that is clipped", "length of the step", "finding"], rows)
holds(rows[0][2] * 500 < rows[1][2], "clipped before it is unscaled, the step is about a thousand times too short")
holds(codes == [["GF706"], []], "the debugger names changed_too_late, and nothing after the fix")
say(
    ja="割り戻す前の勾配は {scale} 倍なので、ほとんどいつも上限にかかります。そのあとで割られるため、更新は "
    "{short:.2g} にしかなりません(正しくは {right:.2g})。順番は `scale`、`backward`、`unscale_`、クリッピング、"
    "`step`、`update` です。",
    en="Before it is unscaled the gradient is {scale} times too large, and nearly always above the limit; it is "
    "divided after that, and of the step {short:.2g} is left (right is {right:.2g}). The order is `scale`, "
    "`backward`, `unscale_`, clip, `step`, `update`.",
    scale=2**10,
    short=rows[0][2],
    right=rows[1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、損失スケールを使って勾配を求める関数、アンダーフローで失われた成分を数える関数、"
    "動的な損失スケールの更新、そしてクリッピングを含む学習ステップの順番を直します。",
    en="In the exercise you fix a gradient by way of a scaled loss, a count of the entries that underflow, the rule "
    "of a dynamic loss scale, and the order of a training step that clips.",
)
finish()
