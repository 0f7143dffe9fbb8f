"""Lesson 6: soft embeddings.

In place of looking one letter up, take the expectation over all letters. It works; its temperature promises too much.
Run it: python lessons/l06_soft_embeddings/lesson.py --lang ja
"""

import itertools

import torch
import torch.nn.functional as F

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table
from gradcheck_lm.course.toys import ALPHABET, collapse, one_hot, story, taught_lm

begin(__file__)

recogniser, _, frames = story(dtype=torch.float64)
frames = frames[[0, 3, 6, 9]]  # one frame for each letter: repeats and blanks are the next lesson's
language_model = taught_lm(dtype=torch.float64)
embeddings = language_model.embedding.weight.T  # (C, D): one row for each letter


def hard_score(logits):
    letters = logits.argmax(-1)
    vectors = embeddings[letters[:-1]]
    return F.nll_loss(language_model.predict(vectors), letters[1:])


def soft_score(logits, temperature=1.0):
    letters = (logits / temperature).softmax(-1)
    vectors = letters[:-1] @ embeddings
    return -(letters[1:] * language_model.predict(vectors)).sum(-1).mean()


def reading(logits):
    return collapse(logits.argmax(-1).tolist())


def gradient(score, logits, **options):
    logits = logits.detach().requires_grad_()
    return torch.autograd.grad(score(logits, **options), logits)[0]


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
logits = recogniser(frames)[:, 0]
say(
    ja="言語モデルは、文字を埋め込みのベクトルに変えてから読みます。"
    "`argmax` で文字を選び、その行を表から引くと、計算グラフは切断されます。",
    en="A language model turns a letter into its embedding before it reads it. "
    "Choose the letter by `argmax`, look its row up, and the graph is cut.",
)
code(hard_score)
show("reading", reading(logits))
show("hard_score(logits)", hard_score(logits))
show("hard_score(logits).requires_grad", hard_score(logits).requires_grad)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
code(soft_score)
ask(
    ja="表から 1 行を引く代わりに、確率で重みをつけた全部の行の平均、つまり期待値を使います。"
    "温度を 0 に近づけると、確率は一つの文字に集まります。"
    "スコアの値と勾配は、それぞれ何に近づくでしょうか。",
    en="In place of one row of the table, take the mean of all rows weighted by probability: an expectation. "
    "As the temperature goes to 0, the probability gathers on one letter. "
    "What will the score's value come near to, and what its gradient?",
    choices=[
        choice(ja="値は文字列のスコアに、勾配は期待値の正しい勾配に近づく",
               en="the value to the string's score, the gradient to the right one"),
        choice(ja="値は文字列のスコアに近づき、勾配はほとんど 0 になる",
               en="the value to the string's score, the gradient to next to 0", right=True),
        choice(ja="値も勾配もスコアの期待値のものに近づく", en="both to those of the expected score"),
        choice(ja="値も勾配も発散する", en="both grow without bound"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
nats = -language_model.predict(embeddings)  # (C, C): what each letter costs after each other letter


def expected_score(logits):
    letters = logits.softmax(-1)
    pairs = letters[:-1, :, None] * letters[1:, None, :]
    return (pairs * nats).sum((1, 2)).mean()


code(expected_score)
say(
    ja="この小さな言語モデルは一つ前の文字しか見ません。そこで、文字列のスコアの期待値そのものと、"
    "その正しい勾配を計算できます(`nats` は文字の組ごとのコストの表です)。これを物差しにして、温度を変えてみます。",
    en="This small language model looks one letter back and no further. So the expected score of the string itself, "
    "and its right gradient, can be computed exactly (`nats` holds what each pair of letters costs). "
    "With this as the yardstick, the temperature is varied.",
)
truth = gradient(expected_score, logits)
rows = []
for temperature in (10, 3, 1, 0.3, 0.1, 0.01):
    found = gradient(soft_score, logits, temperature=temperature)
    value = soft_score(logits, temperature)
    cosine = F.cosine_similarity(found.flatten(), truth.flatten(), dim=0)
    rows.append([f"{temperature:g}", value, f"{value - hard_score(logits):.2g}", found.norm(), f"{cosine:.3f}"])
table(["temperature", "soft score", "soft - hard", "gradient norm", "cosine to the exact gradient"], rows)
cold, faint = abs(float((rows[-1][1] - hard_score(logits)).detach())), float(rows[-1][3])
holds(cold < 1e-6 and faint < 1e-3 * float(truth.norm()),
      "when cold the value is the string's and the gradient next to 0")  # fmt: skip
say(
    ja="値は、温度とともに文字列のスコアに近づきます。勾配は、正しい勾配(ノルム {right:.3g})に近づくのではありません。"
    "一番低い温度ではノルムが {last:.2g} になり、学習に効かなくなりました。",
    en="With the temperature the value comes near to the score of the string. The gradient does not come near to "
    "the right one (norm {right:.3g}): at the lowest temperature its norm is {last:.2g}, and it teaches nothing.",
    right=truth.norm(),
    last=rows[-1][3],
)
picture({"soft_score": soft_score(recogniser(frames)[:, 0])}, "soft", params=dict(recogniser.named_parameters()))

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
target = ALPHABET.index("c")
gap = float((logits[3].max() - logits[3, target]).detach())
way = torch.linspace(0, 2 * gap, 201, dtype=torch.float64)
rows, curves = [], {}
for temperature in (1, 0.3, 0.1, 0.03, 0.01):
    slopes = []
    for distance in way:
        moved = logits.detach().clone()
        moved[3, target] += distance
        slopes.append(gradient(soft_score, moved, temperature=temperature)[3, target].abs())
    slopes = torch.stack(slopes)
    if temperature in (1, 0.3, 0.1):
        curves[f"t = {temperature:g}"] = slopes[::2].tolist()
    rows.append([f"{temperature:g}", float(slopes.max()), f"{(slopes < 1e-6).double().mean():.0%}"])
say(
    ja="最後の文字のロジットを、「e」から「c」へ少しずつ動かします。そのときの傾きを、温度ごとに測ります。",
    en='The logits of the last letter are moved step by step, from "e" to "c". '
    "At each temperature the slope is measured all along the way.",
)
table(["temperature", "steepest slope", "share of the way with slope < 1e-6"], rows)
plot("slopes", way[::2].tolist(), curves, x_label="distance from e towards c", y_label="slope of the soft score")
holds(all(a[1] < b[1] for a, b in itertools.pairwise(rows)), "the slope at the edge grows")
say(
    ja="温度を下げると、なめらかな坂が前の課の階段に戻ります。段の上は平らになり、"
    "角の傾きは {first:.2g} から {last:.2g} に大きくなります。"
    "階段の傾きは 0 ですから、温度を下げても「正しい勾配」に近づくわけではありません。",
    en="A lower temperature turns the smooth slope back into the staircase of the earlier lesson: the steps become "
    "flat, and at the edge the slope grows from {first:.2g} to {last:.2g}. The slope of a staircase is 0, "
    "so a lower temperature does not bring the gradient closer to the right one.",
    first=rows[0][1],
    last=rows[-1][1],
)
say(
    ja="温度が 1 でも、物差しと同じ関数ではありません。期待値のスコアと、スコアの期待値は違います"
    "({soft:.4f} と {exact:.4f})。ソフト埋め込みの勾配は代理の関数の勾配で、偏りがあります。",
    en="Even at a temperature of 1 it is not the yardstick: the score of an expectation is not the expectation of the "
    "score ({soft:.4f} and {exact:.4f}). The gradient of soft embeddings is that of a surrogate, and biased.",
    soft=soft_score(logits),
    exact=expected_score(logits),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
certain = one_hot("dise", dtype=torch.float64)
vectors = certain[:-1] @ embeddings
difference = -(certain[1:] * language_model.predict(vectors)).sum(-1).mean() - hard_score(logits)
comparison = gc.compare_gradients(lambda: soft_score(recogniser(frames)[:, 0]), wrt=recogniser)
norm = gradient(soft_score, logits).norm()
passed = torch.autograd.gradcheck(soft_score, (logits.detach().requires_grad_(),))
rows = [
    ["one-hot letters: soft - hard", f"{difference:.2g}"],
    ["path, gradient norm", float(norm)],
    ["gradcheck", str(passed)],
    ["compare_gradients", comparison.verdict],
]
table(["proof", "value"], rows)
say(
    ja="確率が 0 か 1 のときは、文字列のスコアと同じ値になります。経路があり、勾配は 0 でなく(ノルム {norm:.3g})、"
    "値はこの関数の有限差分と合います(`{verdict}`)。",
    en="Where each probability is 0 or 1 the value is that of the string. There is a path, the gradient is not zero "
    "(norm {norm:.3g}), and it agrees with the finite differences of this function (`{verdict}`).",
    norm=norm,
    verdict=comparison.verdict,
)
rows = []
for pull in (0.0, 3.0, 5.0):
    start = logits.detach().clone()
    start[3, target] += pull
    moving = start.clone()
    for _ in range(20):
        moving -= 2.0 * gradient(soft_score, moving)
    before, after = soft_score(start), soft_score(moving)
    rows.append([start[3].softmax(-1)[target], before, after, reading(start), reading(moving)])
table(["p(c) at the start", "soft before", "soft after", "reading before", "reading after"], rows)
holds(all(row[2] < row[1] for row in rows) and rows[0][4] != "disc" and rows[-1][4] == "disc",
      "the score falls in each row, and the reading changes in the last")  # fmt: skip
say(
    ja="`20` ステップの勾配降下で、スコアはどの行でも下がりました。「{good}」になったのは、はじめから「c」に十分な"
    "確率があった行だけです。認識器が間違いを確信していると、確信を強めるだけでもスコアは下がります。",
    en="`20` steps of gradient descent lower the score in every row. The reading became "
    '"{good}" only where "c" had enough probability from the start: '
    "where the recogniser is sure of its mistake, the score falls by being surer still.",
    good=rows[-1][4],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、期待値の埋め込み、確率を正解とする損失、その二つを使うスコアを直します。"
    "ここでは一つのフレームが一つの文字でした。本物の CTC には、もう一つ切れ目があります。",
    en="In the exercise you fix the expected embedding, a loss whose targets are probabilities, and the score made "
    "of both. Here each frame was one letter; in real CTC there is one more cut.",
)
finish()
