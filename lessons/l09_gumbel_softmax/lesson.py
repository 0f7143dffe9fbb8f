"""Lesson 9: Gumbel-softmax.

Draw the letters instead of always taking the likeliest. The temperature changes the gradient, not the law of the draws.
Run it: python lessons/l09_gumbel_softmax/lesson.py --lang ja
"""

import torch
import torch.nn.functional as F

import gradcheck_lm as gc
from gradcheck_lm.course.expect import standard_errors
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table
from gradcheck_lm.course.toys import ALPHABET, collapse, story, taught_lm

begin(__file__)

recogniser, _, frames = story(dtype=torch.float64)
frames = frames[[0, 3, 6, 9]]  # one frame for each letter
recogniser.head.bias.data[ALPHABET.index("c")] += 3.0
for parameter in recogniser.parameters():
    parameter.data.mul_(0.5)  # half as sure of everything, so that there is something to draw
language_model = taught_lm(dtype=torch.float64)


def sampled_score(logits):
    ids = torch.multinomial(logits.softmax(-1), 1)[:, 0]
    letters = F.one_hot(ids, len(ALPHABET)).to(logits.dtype)
    return language_model(letters)


def gumbel_noise(shape):
    uniform = torch.rand(shape, dtype=torch.float64).clamp_min(1e-300)
    return -(-uniform.log()).log()


def gumbel_softmax(logits, noise, temperature):
    noisy = (logits + noise) / temperature
    soft = noisy.softmax(-1)
    hard = F.one_hot(noisy.argmax(-1), len(ALPHABET)).to(logits.dtype)
    return hard + (soft - soft.detach())


def score(letters):
    """Nats per letter of (..., L, C) letters, one number for each line."""
    vectors = letters[..., :-1, :] @ language_model.embedding.weight.T
    return -(letters[..., 1:, :] * language_model.predict(vectors)).sum(-1).mean(-1)


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
logits = recogniser(frames)[:, 0].detach()
drawn = ["".join(ALPHABET[one] for one in torch.multinomial(logits.softmax(-1), 1)[:, 0]) for _ in range(8)]
say(
    ja="STE は、いつも一番確からしい文字列「{text}」だけを言語モデルに読ませます。"
    "ほかの読み方も試すには、確率に従ってサンプリングします。",
    en='Straight-through shows the language model the likeliest string only, "{text}", every time. '
    "To try other readings as well, samples are drawn by their probabilities.",
    text=collapse(logits.argmax(-1).tolist()),
)
show("samples", ", ".join(drawn))
code(sampled_score)
diagnosis = gc.diagnose(lambda: sampled_score(recogniser(frames)[:, 0]), wrt=recogniser)
picture(diagnosis, "multinomial")
say(
    ja="しかし、サンプリングも計算グラフを切断します。サンプルは添字だからです。",
    en="But to draw a sample cuts the graph too: a sample is an index.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
code(gumbel_softmax)
ask(
    ja="ロジットに Gumbel ノイズを足してから、一番大きいものを選びます。"
    "温度を `0.1` から `10` まで変えると、サンプリングされる文字の割合と、勾配は、それぞれどう変わるでしょうか。",
    en="Noise of the Gumbel distribution is added to the logits, and the largest is chosen. "
    "If the temperature goes from `0.1` to `10`, what happens to the shares of the letters drawn, "
    "and what to the gradient?",
    choices=[
        choice(ja="割合も勾配も変わる", en="both change"),
        choice(ja="割合だけが変わる", en="the shares alone change"),
        choice(ja="勾配だけが変わる", en="the gradient alone changes", right=True),
        choice(ja="どちらも変わらない", en="neither changes"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
draws = 4000
probabilities = logits.softmax(-1)
nats = -language_model.predict(language_model.embedding.weight.T)
moving = logits.clone().requires_grad_()
pairs = moving.softmax(-1)[:-1, :, None] * moving.softmax(-1)[1:, None, :]
exact = torch.autograd.grad((pairs * nats).sum((1, 2)).mean(), moving)[0]  # of the expected score of the string
rows, counts, bins = [], {}, [0.5 * place - 6 for place in range(29)]
for temperature in (0.1, 0.3, 1, 3, 10):
    copies = logits.expand(draws, -1, -1).clone().requires_grad_()  # so each draw has its own gradient
    letters = gumbel_softmax(copies, gumbel_noise(copies.shape), temperature)
    law = standard_errors(letters.detach(), probabilities)
    gradients = torch.autograd.grad(score(letters).sum(), copies)[0]
    mean, spread = gradients.mean(0), gradients.var(0).sum().sqrt()
    cosine = F.cosine_similarity(mean.flatten(), exact.flatten(), dim=0)
    rows.append([f"{temperature:g}", law, mean.norm(), f"{cosine:.3f}", spread / mean.norm()])
    if temperature in (0.3, 3):
        along = (gradients * exact).sum((1, 2)) / exact.square().sum()  # 1 is a draw with the right part along it
        counts[f"t = {temperature:g}"] = [((along >= low) & (along < low + 0.5)).double().mean() for low in bins]
table(["temperature", "law: standard errors off", "mean gradient", "cosine to exact", "noise / mean"], rows)
plot("single-draws", bins, counts, x_label="part along the exact gradient, 1 is right", y_label="share of the draws",
     bars=True)  # fmt: skip
holds(max(row[1] for row in rows) < 4, "the law is softmax's at each temperature")
holds(rows[0][4] > rows[2][4] and float(rows[-1][3]) < float(rows[0][3]), "cold is noisy, hot is biased")
say(
    ja="サンプリングした文字の割合は、どの温度でも softmax の確率と合っています"
    "(標準誤差の {law:.1f} 倍以内で、`4` 倍までは偶然の範囲です)。"
    "変わったのは勾配だけです。温度を上げると偏り、下げるとノイズが増えます。",
    en="At each temperature the shares of the letters agree with the softmax probabilities (within {law:.1f} standard "
    "errors; up to `4` may be chance). Only the gradient has changed: "
    "more biased at a high temperature, noisier at a low one.",
    law=max(row[1] for row in rows),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="温度は、ノイズを足した後で全体を割るだけです。割っても、どれが一番大きいかは変わりません。"
    "だからサンプルの分布に温度は現れず、softmax の滑らかさ、つまり勾配にだけ現れます。",
    en="The temperature divides everything after the noise has been added, and that does not change which is largest. "
    "So it does not show in the law of the samples, only in the smoothness of the softmax, which is the gradient.",
)
noise = gumbel_noise((draws, *logits.shape))
wrong_ways = {
    "(logits + gumbel) / t": lambda t: (logits + noise) / t,
    "logits / t + gumbel": lambda t: logits / t + noise,
    "softmax(logits / t) + gumbel": lambda t: (logits / t).softmax(-1) + noise,
    "(logits + normal) / t": lambda t: (logits + torch.randn_like(noise)) / t,
}
rows = []
for name, way in wrong_ways.items():
    off = []
    for temperature in (0.5, 1.0, 3.0):
        chosen = F.one_hot(way(temperature).argmax(-1), len(ALPHABET)).double()
        spread = (probabilities * (1 - probabilities) / draws).sqrt()  # what chance alone would do
        off.append(((chosen.mean(0) - probabilities).abs() / spread).max())
    rows.append([name, *off])
table(["largest of", "t = 0.5", "t = 1", "t = 3"], rows)
holds(max(rows[0][1:]) < 4.5 and rows[1][2] < 4.5 < min(rows[1][1], rows[1][3]), "the second row is right at 1 alone")
say(
    ja="標準誤差の何倍ずれたかの表です。ノイズを足す場所や種類を変えると、分布が変わってしまいます。"
    "二行目は、温度が 1 のときだけ正しいので、気づきにくい間違いです。",
    en="The table says by how many standard errors the shares are off. With the noise in another place, or of another "
    "kind, the law is another one. The second row is right at a temperature of 1 alone: easily overlooked.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
temperature = 0.5
fixed = gumbel_noise(logits.shape)
hard = gumbel_softmax(logits, fixed, temperature).requires_grad_()
(slope,) = torch.autograd.grad(score(hard), hard)


def surrogate(moved):
    return (slope * ((moved + fixed) / temperature).softmax(-1)).sum()


leaf = logits.clone().requires_grad_()
value = score(gumbel_softmax(leaf, fixed, temperature))
picture(
    {"gumbel": score(gumbel_softmax(recogniser(frames)[:, 0], fixed, temperature))},
    "gumbel",
    params=dict(recogniser.named_parameters()),
)
(found,) = torch.autograd.grad(value, leaf)
(right,) = torch.autograd.grad(surrogate(leaf), leaf)
rows = [
    ["the value is that of the drawn string", str(torch.equal(value.detach(), score(hard.detach())))],
    ["path, gradient norm", float(found.norm())],
    ["gradcheck of the surrogate, noise held fixed", str(torch.autograd.gradcheck(surrogate, (leaf,)))],
    ["gradient is the surrogate's", str(torch.allclose(found, right))],
]
table(["proof", "value"], rows)
say(
    ja="確かめ方は STE と同じで、ノイズを固定して調べます。経路があり、0 でなく(ノルム {norm:.3g})、"
    "値は代理の関数の勾配と一致します。そのうえで、サンプルの分布を標準誤差で確かめます。",
    en="The proof is as for straight-through, with the noise held fixed: a path, a gradient that is not zero "
    "(norm {norm:.3g}), and the value of the surrogate's. On top of that, the law of the samples is compared, "
    "in standard errors.",
    norm=found.norm(),
)
torch.manual_seed(0)
theirs = F.gumbel_softmax(logits.expand(draws, -1, -1), tau=temperature, hard=True)
shares = F.one_hot(theirs.argmax(-1), len(ALPHABET)).double().mean(0)
law = ((shares - probabilities).abs() / (probabilities * (1 - probabilities) / draws).sqrt()).max()
bits = theirs.ne(F.one_hot(theirs.argmax(-1), len(ALPHABET))).any(-1).double().mean()
show("F.gumbel_softmax(hard=True): law, standard errors off", law)
show("F.gumbel_softmax(hard=True): letters that are not one-hot to the bit", f"{bits:.1%}")
holds(law < 4.5, "torch's own has the law too")
say(
    ja="PyTorch の `F.gumbel_softmax(logits, tau, hard=True)` が同じことをします。実務ではこれを使います。"
    "値が 1 ビットまで one-hot とは限らないこと({bits:.1%} が違いました)と、`generator` "
    "を受け取らないことだけが違います。",
    en="PyTorch's `F.gumbel_softmax(logits, tau, hard=True)` does the same, and is what one uses. Two differences: its "
    "value need not be one-hot to the bit (it was not in {bits:.1%} of the letters), and it takes no `generator`.",
    bits=bits,
)
rows = []
for temperature in (0.3, 1.0, 10.0):
    moving = logits.clone()
    for _ in range(60):
        copies = moving.expand(8, -1, -1).clone().requires_grad_()
        loss = score(gumbel_softmax(copies, gumbel_noise(copies.shape), temperature)).mean()
        moving -= 2.0 * torch.autograd.grad(loss, copies)[0].sum(0)
    soft = [one.softmax(-1) for one in (logits, moving)]
    expected = [((one[:-1, :, None] * one[1:, None, :]) * nats).sum((1, 2)).mean() for one in soft]
    rows.append(
        [f"{temperature:g}", *expected, collapse(logits.argmax(-1).tolist()), collapse(moving.argmax(-1).tolist())]
    )
table(["temperature", "expected before", "expected after", "reading before", "reading after"], rows)
holds(all(row[2] < row[1] for row in rows), "training lowers the expected score at each temperature")
say(
    ja="`60` ステップの学習で、スコアの期待値は、どの温度でも {start:.3f} から下がりました。"
    "評価のときはノイズを足しません。足したままでは、読むたびに文字列が変わります。",
    en="In `60` steps of training the expected score fell from {start:.3f} at each temperature. "
    "For evaluation the noise is left out: with it, the string would be another one at every reading.",
    start=rows[0][1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、Gumbel ノイズ、それを使うサンプリング、そして学習と評価の切り替えを直します。",
    en="In the exercise you fix the Gumbel noise, the sample made with it, and the switch between training and "
    "evaluation.",
)
finish()
