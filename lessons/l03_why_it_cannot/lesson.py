"""Lesson 3: why it cannot.

No trick of autograd is missing: argmax is a staircase, and the slope of a staircase is 0 or does not exist.
Run it: python lessons/l03_why_it_cannot/lesson.py --lang ja
"""

import torch

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table
from gradcheck_lm.course.toys import collapse, story

begin(__file__)

recogniser, language_model, frames = story(dtype=torch.float64)
language_model.requires_grad_(False)
weight = recogniser.head.weight


def score_of_string(logits):
    text = collapse(logits.argmax(-1)[:, 0].tolist())
    return language_model.score(text)


def expected_score(logits):
    return language_model.score_soft(logits[:, 0].softmax(-1))


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="`argmax` を通ったスコアには勾配がありません。PyTorch の欠点なのでしょうか。"
    "うまい書き方を知らないだけなのでしょうか。",
    en="The score behind `argmax` has no gradient. Is that a flaw of PyTorch? "
    "Is there a way of writing it that we miss?",
)
logits = recogniser(frames)
show("score_of_string(logits)", score_of_string(logits))
show("score_of_string(logits).requires_grad", score_of_string(logits).requires_grad)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="ロジットを一つの方向に少しずつ動かします。動かす幅を大きくしていくと、文字列のスコアはどう変わるでしょうか。"
    "また、PyTorch の `gradcheck` は、このスコアに対して何を返すでしょうか。",
    en="The logits are moved in one direction, further and further. How will the score of the string change? "
    "And what will PyTorch's own `gradcheck` return for this score?",
    choices=[
        choice(ja="少しずつ変わる。`gradcheck` はエラーになる", en="little by little; `gradcheck` raises an error"),
        choice(ja="ある所で一度に変わる。`gradcheck` はエラーになる", en="all at once; `gradcheck` raises an error"),
        choice(ja="ある所で一度に変わる。`gradcheck` は `True` を返す", en="all at once; `gradcheck` returns `True`",
               right=True),
        choice(ja="まったく変わらない。`gradcheck` は `True` を返す", en="not at all; `gradcheck` returns `True`"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
direction = torch.zeros_like(logits)
direction[-2, 0, 2] = direction[-3, 0, 2] = 1.0  # towards "c", in the two frames that read "e"


def difference(score, step):
    start = logits.detach()
    up = score(start + step * direction)
    down = score(start - step * direction)
    return (up - down) / (2 * step)


code(difference)
rows = []
for step in (1e-6, 1e-4, 1e-2, 1.0, 2.0, 4.0, 8.0):
    text = collapse((logits + step * direction).argmax(-1)[:, 0].tolist())
    rows.append([f"{step:g}", text, difference(score_of_string, step), difference(expected_score, step)])
table(["step", "string", "slope of the string's score", "slope of the expected score"], rows)
way = [0.1 * place for place in range(81)]
plot(
    "staircase-curve",
    way,
    {name: [(score(logits + far * direction) - score(logits)).item() for far in way]
     for name, score in (("string's score", score_of_string), ("expected score", expected_score))},
    x_label="distance from e towards c",
    y_label="change of the score",
)  # fmt: skip
holds(rows[0][2] == 0 and rows[-1][1] != rows[0][1] and all(row[3] != 0 for row in rows), "the score is a staircase")
say(
    ja="文字列は「{first}」のまま動かず、ある所で「{last}」に飛びます。その手前では有限差分はちょうど 0 です。"
    "期待値のほうは、どんなに小さな幅でも傾きがあります。",
    en='The string stays "{first}", and at one place it jumps to "{last}". Before that place the finite difference is '
    "exactly 0. The expected score has a slope at every step, however small.",
    first=rows[0][1],
    last=rows[-1][1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="`argmax` は階段です。段の上では傾きが 0 で、段の角では微分が存在しません。"
    "だから autograd は何も記録しません。正しい勾配は「無い」のではなく、「0」なのです。",
    en="`argmax` is a staircase. On a step its slope is 0, and at the edge of a step there is no derivative, "
    "so autograd records nothing. It is not that the right gradient is missing: it is zero, and zero teaches nothing.",
)
start = logits.detach().requires_grad_()
passed = torch.autograd.gradcheck(score_of_string, (start,))
show("torch.autograd.gradcheck(score_of_string)", passed)
holds(passed is True, "gradcheck passes the broken score")
say(
    ja="`gradcheck` は、この壊れたスコアに `{passed}` を返しました。勾配を持つ出力がないとき、"
    "`gradcheck` が調べるのは、有限差分が 0 かどうかだけです。階段の傾きは 0 なので、合格します。",
    en="For this broken score `gradcheck` returns `{passed}`. Where no output carries a gradient it only asks "
    "whether the "
    "finite differences are 0, and those of a staircase are.",
    passed=passed,
)
for name, score in (("score_of_string", score_of_string), ("expected_score", expected_score)):
    show(name, gc.compare_gradients(lambda score=score: score(recogniser(frames)), wrt=recogniser).verdict)
diagnosis = gc.diagnose(lambda: score_of_string(recogniser(frames)), wrt=recogniser)
picture(diagnosis, "staircase")

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
(found,) = torch.autograd.grad(expected_score(recogniser(frames)), weight, allow_unused=True)
(cut,) = torch.autograd.grad(score_of_string(recogniser(frames)) + 0 * language_model.table.clone().requires_grad_()
.sum(),
                             weight, allow_unused=True)  # fmt: skip
moved = weight.detach().clone()
along = torch.randn(weight.shape, dtype=torch.float64)
along /= along.norm()  # of unit length, so that no slope is steeper than the gradient's norm
values = []
for sign in (1, -1):
    weight.data.copy_(moved + sign * 1e-5 * along)
    values.append(expected_score(recogniser(frames)).item())
weight.data.copy_(moved)
numeric = (values[0] - values[1]) / 2e-5
slope = float((found * along).sum())
rows = [
    ["path", str(found is not None), str(cut is not None)],
    ["gradient norm", float(found.norm()), "none"],
    ["autograd along a unit direction", slope, "none"],
    ["central difference", numeric, 0.0],
]
table(["proof", "expected score", "string's score"], rows)
holds(found is not None and cut is None and abs(slope - numeric) < 1e-6 * abs(slope), "the three parts of the proof")
say(
    ja="階段そのものには、学習に使える勾配がありません。直し方は二つに分かれます。"
    "似ているけれど傾きのある別の関数を使うか、階段はそのままにして、確率のほうを動かすかです(方策勾配の課で扱います)。"
    "確かめるときは、経路があること、勾配が 0 でないこと(ノルム {norm:.3g})、"
    "値が正しいことの三つを、必ず一緒に調べます。",
    en="The staircase itself has no gradient to learn from. There are two kinds of fix: take another function that "
    "resembles it and has a slope, or keep the staircase and move the probabilities (the lesson on policy gradients). "
    "And the proof is always all three together: a path, "
    "a gradient that is not zero (norm {norm:.3g}), the right value.",
    norm=found.norm(),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、中心差分、階段の角の場所、そして壊れた損失にだまされない `gradcheck` を直します。",
    en="In the exercise you fix a central difference, the search for the edge of a step, and a `gradcheck` "
    "that is not deceived by a broken loss.",
)
finish()
