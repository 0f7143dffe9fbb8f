"""Lesson 10: policy gradient.

The language model is a black box: text goes in, a number comes out. It is enough.
Run it: python lessons/l10_policy_gradient/lesson.py --lang ja
"""

import itertools

import torch

import gradcheck_lm as gc
from gradcheck_lm.course.expect import standard_errors
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, table
from gradcheck_lm.course.toys import TinyLM
from gradcheck_lm.htr import Charset
from gradcheck_lm.htr.ctc import collapse_paths, sample_paths, string_log_prob, to_strings
from gradcheck_lm.penalties import make_penalty

begin(__file__)

charset = Charset("ce")  # class 0 is the blank, then "c" and "e"
logits = torch.tensor(
    [[0.3, 0.4, 1.2], [0.1, 0.8, 1.0], [0.9, 0.2, 1.1], [0.5, 0.6, 0.9], [1.0, 0.1, 0.4]], dtype=torch.float64
)[:, None]  # (T, 1, C): the last five frames of a line that begins with "dis"


class BlackBox:
    """A language model behind a wall: strings in, numbers out, as from a service on the network."""

    def __init__(self):
        self.inside = TinyLM()

    def score(self, texts):
        scores = [float(self.inside.score("dis" + text)) for text in texts]
        return torch.tensor(scores, dtype=torch.float64)


black_box = BlackBox()
black_box.inside.requires_grad_(False)


def greedy_score(logits):
    ids, lengths = collapse_paths(logits.argmax(-1))
    return black_box.score(to_strings(ids, lengths, charset)).mean()


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
greedy = to_strings(*collapse_paths(logits.argmax(-1)), charset)[0]
say(
    ja="ソフト埋め込みも STE も Gumbel-softmax も、言語モデルの中を勾配が通ることを前提にしていました。"
    "今度の言語モデルはブラックボックスです。「{text}」を渡すと {score:.4f} が返るだけです。",
    en="Soft embeddings, straight-through and Gumbel-softmax all need a gradient to go through the language model. "
    'This one is a black box: it is given "{text}", and {score:.4f} comes back, no more.',
    text="dis" + greedy,
    score=greedy_score(logits),
)
code(BlackBox.score)
leaf = logits.clone().requires_grad_()
diagnosis = gc.diagnose(lambda: greedy_score(leaf), wrt={"logits": leaf})
picture(diagnosis, "black-box")
probes = [[finding.op, str(diagnosis.what_if(finding).arrives)] for finding in diagnosis.findings]
table(["bridged cut", "gradient arrives"], probes)
holds(all(row[1] == "False" for row in probes), "no single bridge lets a gradient through")
say(
    ja="切れ目は {count} か所あり、どれを仮につないでも勾配は届きません。切れた経路を直すのではなく、"
    "別の経路を使います。",
    en="There are {count} cuts, and whichever is bridged, no gradient arrives. "
    "So the broken path is left as it is; another path is taken.",
    count=len(probes),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")


def surrogate(log_prob, cost, baseline):
    return ((cost - baseline) * log_prob).mean(0).sum()


code(surrogate)
ask(
    ja="文字列をサンプリングし、スコアの悪いものの対数確率を下げます。これが方策勾配です。"
    "スコアからベースラインを引くと、勾配の平均と分散はそれぞれどう変わるでしょうか。",
    en="Draw samples of strings, and lower the log-probability of those that score badly: that is the policy gradient. "
    "If a baseline is taken from the score, what happens to the mean of the gradient, and what to its variance?",
    choices=[
        choice(ja="平均は変わらず、分散は小さくなる", en="the mean stays, the variance falls", right=True),
        choice(ja="平均は小さくなり、分散は変わらない", en="the mean shrinks, the variance stays"),
        choice(ja="どちらも小さくなる", en="both shrink"),
        choice(ja="どちらも変わらない", en="both stay"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
every_path = torch.tensor(list(itertools.product(range(3), repeat=len(logits)))).T  # (T, number of paths)
strings = to_strings(*collapse_paths(every_path), charset)
costs = black_box.score(strings)


def path_log_prob(logits, paths):
    return logits.log_softmax(-1).gather(2, paths[:, :, None])[:, :, 0].sum(0)


def expected_score(logits):
    one_line = logits.expand(-1, every_path.shape[1], -1)
    return (path_log_prob(one_line, every_path).exp() * costs).sum()


code(expected_score)
leaf = logits.clone().requires_grad_()
exact = torch.autograd.grad(expected_score(leaf), leaf)[0][:, 0]
say(
    ja="問題が小さいので、全部で {paths} 本のパス({strings} 種類の文字列)を数え上げて、"
    "スコアの期待値 {value:.4f} とその正確な勾配を計算できます。",
    en="The problem is so small that all {paths} paths ({strings} different strings) can be enumerated: "
    "the expected score, {value:.4f}, and its exact gradient.",
    paths=every_path.shape[1],
    strings=len(set(strings)),
    value=expected_score(logits),
)
draws, samples = 1500, 4
lines = draws * samples
paths = sample_paths(logits, lines)[:, :, 0]  # (T, draws * samples)
ids, lengths = collapse_paths(paths)
drawn = black_box.score(to_strings(ids, lengths, charset)).view(samples, draws)
others = (drawn.sum(0) - drawn) / (samples - 1)  # for each sample the mean score of the three others


def marginal_log_prob(logits, paths):
    ids, lengths = collapse_paths(paths)
    return string_log_prob(logits, ids, lengths, lines=torch.arange(paths.shape[1]))


def estimates(log_prob_of, baseline):
    """(draws, T, C): the gradient of each draw of four samples, by itself."""
    copies = logits.expand(-1, lines, -1).clone().requires_grad_()
    log_prob = log_prob_of(copies, paths).view(samples, draws)
    found = torch.autograd.grad(surrogate(log_prob, drawn, baseline), copies)[0]
    return found.view(len(logits), samples, draws, -1).sum(1).transpose(0, 1)


ways = {
    "path, no baseline": estimates(path_log_prob, 0.0),
    "path, mean of the others": estimates(path_log_prob, others),
    "CTC marginal, mean of the others": estimates(marginal_log_prob, others),
}
rows = []
for name, found in ways.items():
    rows.append([name, standard_errors(found, exact), found.mean(0).norm(), found.var(0).sum()])
table(["estimator", "standard errors off", "norm of the mean", "variance"], rows)
holds(max(row[1] for row in rows) < 4 and rows[0][3] > rows[1][3] > rows[2][3], "same mean, less and less variance")
say(
    ja="三つとも平均は正確な勾配と合っています"
    "(標準誤差の {off:.1f} 倍以内で、`4` 倍までは偶然の範囲です。正しいノルムは {norm:.4f})。"
    "分散はベースラインで {first:.0f} 分の 1 に、CTC の周辺確率でさらに {second:.1f} 分の 1 になりました。",
    en="In the mean all three agree with the exact gradient (within {off:.1f} standard errors, "
    "and up to `4` may be chance; its norm is {norm:.4f}). The baseline divides the variance by {first:.0f}, "
    "and the CTC marginal once more, by {second:.1f}.",
    off=max(row[1] for row in rows),
    norm=exact.norm(),
    first=rows[0][3] / rows[1][3],
    second=rows[1][3] / rows[2][3],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
copies = logits.expand(-1, every_path.shape[1], -1).clone().requires_grad_()
per_path = path_log_prob(copies, every_path)
gradients = torch.autograd.grad(per_path.sum(), copies)[0].transpose(0, 1)  # of log p(path), for every path
probability = per_path.detach().exp()
zero = (probability[:, None, None] * gradients).sum(0).abs().max()
say(
    ja="対数確率の勾配は、平均すると 0 です(全部のパスで数えて {zero:.1g})。ですから、サンプル自身によらない数なら、"
    "何を引いても平均は変わりません。",
    en="The gradient of the log-probability is 0 on average ({zero:.1g}, counted over all paths). So any number "
    "may be subtracted without changing the mean, as long as it does not depend on the sample itself.",
    zero=zero,
)
own = estimates(path_log_prob, drawn.mean(0))
share = (own.mean(0) * exact).sum() / exact.square().sum()
rows = [
    ["mean of the others", standard_errors(ways["path, mean of the others"], exact)],
    ["mean of all, its own too", standard_errors(own, exact)],
    ["the best of all, its own too", standard_errors(estimates(path_log_prob, drawn.min(0).values), exact)],
]
table(["baseline", "standard errors off"], rows)
holds(share < 0.9 and rows[1][1] > 4 > rows[0][1], "its own score biases the estimator")
say(
    ja="自分のスコアがベースラインに混ざると、推定量は不偏ではなくなり、偏りが生じます。四つのサンプルの平均を引いただけで、"
    "勾配は正しい長さの {share:.2f} 倍に縮み、標準誤差の {off:.0f} 倍もずれました。",
    en="Where a sample's own score is part of its baseline the estimator is biased. With the mean of all four samples "
    "the gradient shrinks to {share:.2f} of its right length, and is {off:.0f} standard errors off.",
    share=share,
    off=rows[1][1],
)
text = "ce"
same = torch.tensor([string == text for string in strings])
mean = (probability[same, None, None] * gradients[same]).sum(0) / probability[same].sum()
leaf = logits.clone().requires_grad_()
marginal = string_log_prob(leaf, torch.tensor([[1, 2]]), torch.tensor([2]), lines=torch.tensor([0]))
difference = mean - torch.autograd.grad(marginal.sum(), leaf)[0][:, 0]
say(
    ja="文字列「{text}」になるパスは {count} 本あり、スコアはどれも同じです。どのパスで綴られたかは、ただのノイズです。"
    "それらの勾配の平均は CTC の周辺確率の勾配と等しく(差は {difference:.1g})、一度の CTC でノイズが消えます。",
    en='{count} paths spell the string "{text}", and all of them score the same: which one was drawn is mere noise. '
    "The mean of their gradients is the gradient of the CTC marginal (off by {difference:.1g}), "
    "so one call of CTC removes that noise.",
    text=text,
    count=int(same.sum()),
    difference=difference.abs().max(),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
penalty = make_penalty("policy_gradient", black_box, charset, samples=4, objective="score")
copies = logits.expand(-1, draws, -1).clone().requires_grad_()
out = penalty(copies, None, generator=torch.Generator().manual_seed(0))
found = draws * torch.autograd.grad(out.loss, copies)[0].transpose(0, 1)
picture({"policy_gradient": penalty(leaf, None).loss}, "policy-gradient", params={"logits": leaf})
rows = [
    ["path, norm of the mean gradient", float(found.mean(0).norm())],
    ["standard errors off the exact gradient", standard_errors(found, exact)],
    ["variance", float(found.var(0).sum())],
]
table(["make_penalty('policy_gradient')", "value"], rows)
holds(rows[0][1] > 0 and rows[1][1] < 4, "a path, not zero, and on average the exact gradient")
say(
    ja="パッケージの `policy_gradient` は、この組み合わせです。経路があり、0 でなく、"
    "平均の値が正確な勾配と合っています(標準誤差の {off:.1f} 倍)。言語モデルには勾配を求めません。",
    en="The package's `policy_gradient` is this combination: a path, not zero, and in the mean the exact value "
    "({off:.1f} standard errors). It asks no gradient of the language model.",
    off=rows[1][1],
)
target = torch.tensor([[1]])
ctc_of = {"penalty alone": 0.0, "CTC + penalty": 1.0}
rows = []
for name, weight in ctc_of.items():
    moving = logits.clone().requires_grad_()
    for _ in range(150):
        image = -string_log_prob(moving, target, torch.tensor([1]), lines=torch.tensor([0])).sum()
        loss = penalty(moving, None).loss + weight * image
        moving.data -= 0.5 * torch.autograd.grad(loss, moving)[0]
    end = to_strings(*collapse_paths(moving.argmax(-1)), charset)[0]
    rows.append([name, expected_score(logits), expected_score(moving), "dis" + greedy, "dis" + end])
table(["loss", "expected before", "expected after", "reading before", "reading after"], rows)
holds(rows[0][2] < rows[0][1] and rows[0][4] != rows[1][4], "alone the penalty reads what it likes")
say(
    ja="ペナルティだけで学習すると、スコアの期待値は {start:.3f} から {end:.3f} に下がり、"
    "読みは「{alone}」になりました。言語モデルは画像を見ていないからです。CTC と一緒に使うと「{both}」になります。",
    en="Trained on the penalty alone the expected score falls from {start:.3f} to {end:.3f}, and the reading becomes "
    '"{alone}": the language model never saw the image. Together with CTC it becomes "{both}".',
    start=rows[0][1],
    end=rows[0][2],
    alone=rows[0][4],
    both=rows[1][4],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、ベースライン、代理の損失、CTC の周辺確率、サンプリングを直します。"
    "どれも、数え上げた正確な勾配と比べて確かめます。",
    en="In the exercise you fix the baseline, the surrogate loss, the CTC marginal and the drawing of samples, "
    "each compared with the exact gradient by enumeration.",
)
finish()
