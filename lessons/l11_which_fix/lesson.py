"""Lesson 11: which fix?

Bias, variance, cost, and what training says: an exact yardstick, the recogniser that ships, and a real language model.
Needs the laboratory, the extra `lab`. With SmolLM2 in place of the small model: --lm smollm2
Run it: python lessons/l11_which_fix/lesson.py --lang ja
"""

import itertools
import math
import time

import torch
import torch.nn.functional as F

from gradcheck_lm.course.stage import (
    ask,
    beat,
    begin,
    choice,
    code,
    finish,
    holds,
    option,
    picture,
    plot,
    say,
    show,
    table,
)
from gradcheck_lm.course.toys import ALPHABET, UNREAD, story, taught_lm
from gradcheck_lm.draw.autograd.autograd import walk
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.htr.synthetic.synthetic import HELD_OUT_HANDS, SyntheticLines
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.metrics import bootstrap_interval, character_errors
from gradcheck_lm.lab.measuring.quality import gradient_quality
from gradcheck_lm.lab.measuring.reading import nats_per_character
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.penalties import make_penalty

lm = option(
    "--lm",
    "char",
    ja="言語モデルです(smollm2 など)。省略すると、付属の小さい文字モデル char を使います。",
    en="The language model, e.g. smollm2; by default char, the small one that comes with the package.",
)
begin(__file__)

FIXES = ("soft_embedding", "straight_through", "gumbel_softmax", "policy_gradient")
recogniser, charset = load_recogniser("synthetic")
recogniser.eval()
lines = LineData(list(SyntheticLines(UNREAD, HELD_OUT_HANDS[:1], len(UNREAD), 0)), recogniser.config, charset)
batch = lines.take(range(len(lines)))
with torch.no_grad():  # everything below the last layer stays as it is in this lesson
    states, _ = recogniser.recurrent(recogniser.columns(batch.images))
head = recogniser.head[1]
language_model = load_language_model(lm)

RECORDED = {  # by `--lm smollm2`: the cosine with the reference, and its 95 % interval
    "soft_embedding": [0.07, "-0.05 to 0.22"],
    "straight_through": [-0.03, "-0.14 to 0.08"],
    "gumbel_softmax": [0.22, "-0.10 to 0.66"],
    "policy_gradient": [1.00, "0.79 to 1.00"],
}


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
holds(all(row[2] > 0 for row in rows), "a gradient arrives with every fix")
say(
    ja="ここまでの課で学んだ手法は、どれも勾配が届き、0 でもありません。では、どれを選べばよいのでしょうか。",
    en="With every fix from the lessons so far a gradient arrives, and it is not zero. So which one should you take?",
)
leaf = head(states[:, :1]).detach().requires_grad_()
paths = {name: penalty_of(name)(leaf, None).loss for name in ("soft_embedding", "policy_gradient")}
picture({"policy_gradient": paths["policy_gradient"]}, "policy-gradient", params={"logits": leaf})
say(
    ja="方策勾配の経路は言語モデルを通りません。箱は {black} 個です。ソフト埋め込みの経路は言語モデルの中を通り、"
    "箱は {white} 個あります。",
    en="The path of the policy gradient does not go through the language model: it has {black} boxes. "
    "That of soft embeddings goes right through it, with {white} boxes.",
    black=len(walk({"loss": paths["policy_gradient"]})),
    white=len(walk({"loss": paths["soft_embedding"]})),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="偏りのあるソフト埋め込みと、不偏でノイズの多い方策勾配があります。勾配を何回も平均すると、"
    "どちらの向きが正しい勾配に近くなるでしょうか。",
    en="Soft embeddings are biased, the policy gradient is unbiased and noisy. As more and more calls are averaged, "
    "whose direction is nearer to the right one?",
    choices=[
        choice(ja="いつでもソフト埋め込み", en="that of soft embeddings, always"),
        choice(ja="いつでも方策勾配", en="that of the policy gradient, always"),
        choice(ja="少ない回数ではソフト埋め込み、多い回数では方策勾配",
               en="soft embeddings for few calls, the policy gradient for many", right=True),
        choice(ja="どちらも同じように近づく", en="both come nearer alike"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
few = head(states[:, :4]).detach()
measured = gradient_quality(few, None, language_model, charset, names=FIXES, objective="ratio", samples=64, repeats=4)


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
holds(all(row.lm_calls > 0 for row in measured.rows) and measured.rows[0].spread == 0, "soft embeddings have no noise")
say(
    ja="基準は、サンプル {samples} 個の方策勾配です。`cosine` は向きの正しさ、`noise` "
    "は一回の標準偏差を真の勾配の長さで"
    "割ったもの、`ms` は一回の時間で、他の仕事があれば変わります。行が {lines} 行しかないので、区間は広くなります。",
    en="The reference is a policy gradient of {samples} samples. `cosine` says how right the direction is, `noise` is "
    "the standard deviation of one call over the length of the true gradient, `ms` the time of one call, which "
    "changes with what else the machine does. With only {lines} lines the intervals are wide.",
    samples=measured.reference.samples,
    lines=measured.lines,
)

say(
    ja="これは文字単位の小さな言語モデルの結果です。実際の問題に近い SmolLM2 で測って記録した値を次に示します"
    "(`--lm smollm2` で測り直せます。ほかの仕事のない CPU でも数分以上かかります)。",
    en="That was a small language model of single characters. Below is what was measured and recorded with SmolLM2, "
    "which is nearer to a real problem (`--lm smollm2` measures it again; that takes minutes at least).",
)
table(["fix", "cosine", "95 %"], [[name, *row] for name, row in RECORDED.items()])
say(
    ja="ソフト埋め込み、STE、Gumbel-softmax の向きは、偶然と区別できません。同じ手法でも、"
    "言語モデルが変われば結果が変わります。",
    en="The directions of soft embeddings, straight-through and Gumbel-softmax cannot be told from chance. With "
    "another language model, the same fixes give another result.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="小さな問題なら、平均していったときの向きを、正確な勾配と比べられます。四つの文字と、"
    "一つ前の文字しか見ない言語モデルを使い、実際にサンプリングして測ります。",
    en="On a small problem, the direction of an average can be compared with the exact gradient: four letters, and a "
    "language model that looks one letter back. All of this is drawn and measured, nothing is computed from a formula.",
)
small, _, four = story(dtype=torch.float64)
start = small(four[[0, 3, 6, 9]])[:, 0].detach()
judge = taught_lm(dtype=torch.float64)
nats = -judge.predict(judge.embedding.weight.T).detach()  # (C, C): what each letter costs after each other letter


def exact_gradient():
    leaf = start.clone().requires_grad_()
    pairs = leaf.softmax(-1)[:-1, :, None] * leaf.softmax(-1)[1:, None, :]
    return torch.autograd.grad((pairs * nats).sum((1, 2)).mean(), leaf)[0]


def soft_gradient():
    leaf = start.clone().requires_grad_()
    return torch.autograd.grad(judge(leaf.softmax(-1)), leaf)[0]


def mean_policy_gradient(calls, samples=4):
    """The mean of that many policy gradients of four samples each, with the mean of the others as baseline."""
    shares = start.softmax(-1)
    drawn = torch.multinomial(shares, calls * samples, replacement=True).T.view(calls, samples, -1)
    costs = nats[drawn[..., :-1], drawn[..., 1:]].mean(-1)
    advantage = costs - (costs.sum(1, keepdim=True) - costs) / (samples - 1)
    slopes = F.one_hot(drawn, len(ALPHABET)).double() - shares
    return (advantage[..., None, None] * slopes).mean((0, 1))


code(mean_policy_gradient)
exact, soft = exact_gradient(), soft_gradient()


def cosine(found):
    return F.cosine_similarity(found.flatten(), exact.flatten(), dim=0).item()


rows, numbers = [], (1, 3, 10, 30, 100, 300, 1000)
for calls in numbers:
    found = torch.tensor([cosine(mean_policy_gradient(calls)) for _ in range(20)])
    rows.append([calls, cosine(soft), found.mean().item(), f"{found.min():.2f} to {found.max():.2f}"])
table(["calls", "cosine of soft_embedding", "cosine of policy_gradient, mean", "smallest to largest"], rows[::2])
cosines = {"soft_embedding": [row[1] for row in rows], "policy_gradient": [row[2] for row in rows]}
plot("bias-and-variance", numbers, cosines, x_label="calls", y_label="cosine to exact", log=True)
holds(all(a[2] < b[2] for a, b in itertools.pairwise(rows)), "averaging turns the unbiased one to the truth")
holds(rows[0][2] < rows[0][1] < rows[-1][2], "the two cross")
say(
    ja="平均しても偏りは減らないので、ソフト埋め込みのコサイン類似度は何回でも {soft:.3f} です。"
    "方策勾配は {one:.2f} から {many:.3f} に近づき、途中で追い越します。偏りと分散のどちらが大事かは、"
    "回数で決まります。",
    en="Averaging takes nothing off a bias: soft embeddings have the cosine {soft:.3f} at any number of calls. "
    "The policy gradient goes from {one:.2f} to {many:.3f}, and overtakes them on the way. Whether bias or variance "
    "matters more depends on how many calls there are.",
    soft=rows[0][1],
    one=rows[0][2],
    many=rows[-1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def adapt(name, steps=3, length=0.16):
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
holds(rows[0][2] == before.rate and rows[0][4] >= 0, "the broken arm moves nothing")
best = min(rows[1:], key=lambda row: row[2])
sure = [row for row in measured.rows if row.cosine is not None and row.interval is not None]
first = max(sure, key=lambda row: row.cosine)
apart = all(row is first or row.interval[1] < first.interval[0] for row in sure)
winners = {
    "cosine": first.name if apart else "undecided: the intervals overlap",
    "noise": min(measured.rows, key=lambda row: row.spread).name,
    "LM texts": min(measured.rows, key=lambda row: row.lm_calls).name,
    "error rate": best[0] if helped else "undecided: the intervals hold 0",
}
table(["question", "first here"], [[question, name] for question, name in winners.items()])
say(
    ja="四つの観点で一位になった手法は、{different} 種類でした。{count} 行、一つの乱数シード、"
    "最後の層だけの `3` ステップでは、順位は言い切れません。"
    "誤りの変化の区間が 0 を含まない手法は {helped} 種類でした。",
    en="In four questions, {different} of the fixes come first. From {count} lines, one seed and `3` steps of the last "
    "layer alone no ranking follows. The interval of the change excludes 0 for {helped} of the fixes.",
    different=len({name for name in winners.values() if not name.startswith("undecided")}),
    count=len(lines),
    helped=len(helped),
)
say(
    ja="ネットワーク全体を複数の乱数シードで学習した結果は `docs/results` にあります。新しい筆跡では方策勾配が勝ち、"
    "正解がある学習では、どの手法も CTC だけと区別できませんでした。"
    "試した本物の筆跡では、方策勾配も助けになりませんでした。",
    en="What came of training the whole network, over several seeds, is in `docs/results`. On a new hand the policy "
    "gradient won; with labels no fix could be told from CTC alone; on the real handwriting that was tried, not even "
    "the policy gradient helped.",
)
say(
    ja="あなたの場合に何がよいかは、`gradcheck-lm quality` で測れます。",
    en="What is best in your own case can be measured: `gradcheck-lm quality`.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、偏り、分散、費用、そして学習の結果を、正しく測る関数を直します。",
    en="In the exercise you fix functions that measure bias, variance, cost and the outcome of a training without "
    "being deceived.",
)
finish()
