"""Lesson 23: rsample and the score function.

A VAE that draws with `sample` and whose encoder never learns; a policy whose log-probability of an `rsample` has a
gradient of 0. After jankrepl/deepdow#106 and DLR-RM/stable-baselines3#2096.
Run it: python lessons/l23_rsample_and_score/lesson.py --lang ja
"""

import math

import torch
from torch import nn
from torch.distributions import Normal

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table

begin(__file__)

lines = torch.randn(32, 6).double()
encoder, decoder = nn.Linear(6, 4).double(), nn.Linear(2, 6).double()
model = nn.ModuleDict({"encoder": encoder, "decoder": decoder})


def latent():
    mean, log_scale = encoder(lines).chunk(2, dim=-1)
    return Normal(mean, log_scale.exp())


def drawn():
    return (decoder(latent().sample()) - lines).square().mean()


def norm(gradient):
    return "None" if gradient is None else f"{gradient.norm():.4f}"


def norms(loss):
    found = torch.autograd.grad(loss, [encoder.weight, decoder.weight], allow_unused=True)
    return [norm(one) for one in found]


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="小さな変分オートエンコーダ(VAE)です。エンコーダが平均と標準偏差を出し、そこから潜在変数をサンプリングして、"
    "デコーダが行を復元します。損失は下がっていきます。",
    en="This is a small VAE: the encoder gives a mean and a scale, a latent variable is sampled from them, and the "
    "decoder makes the line again. Its loss goes down.",
)
code(latent)
code(drawn)
found = norms(drawn())
begun = drawn().item()
for _ in range(100):
    drawn().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
                parameter.grad = None
table(["", "encoder", "decoder"], [["gradient norm", *found]])
show("loss before 100 steps", begun)
show("loss after them", drawn())
holds(
    found[0] == "None" != found[1] and drawn().item() < begun, "the decoder alone gets a gradient, and the loss falls"
)
say(
    ja="下がるのは、デコーダが学習しているからです。エンコーダには勾配が届かず、最初のまま変わりません。",
    en="What makes it go down is the decoder. The encoder gets no gradient, and stays as it began.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="方策の学習を `-(reward * dist.log_prob(z)).mean()` と書きました(`reward` は勾配のない数)。"
    "`z` を `dist.sample()` ではなく `dist.rsample()` で引くと、平均に届く勾配はどうなるでしょうか。",
    en="A policy learns by `-(reward * dist.log_prob(z)).mean()`, where `reward` is a number without gradient. With "
    "`z` from `dist.rsample()` in place of `dist.sample()`, what gradient does the mean get?",
    choices=[
        choice(ja="同じ勾配", en="the same"),
        choice(ja="ノイズの少ない、同じ期待値の勾配", en="one of the same expectation, with less noise"),
        choice(ja="ちょうど 0", en="exactly 0", right=True),
        choice(ja="二倍の勾配", en="twice as large a one"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
MEAN, SCALE, DRAWS = 0.3, 0.5, 20000


def smooth(z):
    return (z - 1.0) ** 2


def stairs(z):
    return (z > 1.0).double()


def rsample(cost, dist):
    return cost(dist.rsample())


def score_function(cost, dist):
    z = dist.sample()
    return cost(z).detach() * dist.log_prob(z)


def score_minus_baseline(cost, dist):
    z = dist.sample()
    found = cost(z).detach()
    others = (found.sum() - found) / (len(found) - 1)  # the mean of the other draws
    return (found - others) * dist.log_prob(z)


def score_of_rsample(cost, dist):
    z = dist.rsample()
    return cost(z).detach() * dist.log_prob(z)


def single_gradients(estimator, cost, draws=DRAWS):
    """One gradient to the mean for each draw: each has a mean of its own."""
    torch.manual_seed(3)
    means = torch.full((draws,), MEAN, dtype=torch.float64, requires_grad=True)
    total = estimator(cost, Normal(means, SCALE)).sum()
    if not total.requires_grad:
        return torch.zeros(draws, dtype=torch.float64)
    return torch.autograd.grad(total, means)[0]


exact = {"smooth": 2 * (MEAN - 1.0),
         "stairs": math.exp(-0.5 * ((1.0 - MEAN) / SCALE) ** 2) / (SCALE * math.sqrt(2 * math.pi))}  # fmt: skip
for function in (rsample, score_function, score_of_rsample):
    code(function)
rows, off = [], {}
for cost in (smooth, stairs):
    for estimator in (rsample, score_function, score_minus_baseline, score_of_rsample):
        found = single_gradients(estimator, cost)
        error = found.std().item() / math.sqrt(DRAWS)
        far = abs(found.mean().item() - exact[cost.__name__])
        off[cost.__name__, estimator.__name__] = far / error if error else math.inf
        rows.append([cost.__name__, estimator.__name__, found.mean().item(), exact[cost.__name__], found.std().item()])
table(["cost", "estimator", "mean gradient", "exact", "spread of one draw"], rows)
right = {key for key, far in off.items() if far < 4}
wanted = {("smooth", "rsample")}
for cost in ("smooth", "stairs"):
    wanted |= {(cost, "score_function"), (cost, "score_minus_baseline")}
holds(right == wanted, "rsample is right for a smooth cost alone, the score function for both, the rest for none")
holds(rows[0][4] < rows[2][4] < rows[1][4] and rows[3][2] == rows[7][2] == 0, "rsample is the quietest; the last is 0")
say(
    ja="滑らかなコストでは、`rsample` もスコア関数も不偏で、ばらつきは `rsample` が最も小さくなります。"
    "階段のコストでは `rsample` に勾配がなく(ここでは 0 と数えました)、正しいのはスコア関数だけです。"
    "`rsample` の対数確率(`score_of_rsample`)は、どちらでもちょうど 0 です。",
    en="For the smooth cost both `rsample` and the score function are unbiased, and the spread of `rsample` is the "
    "smallest. For the staircase `rsample` has no gradient (counted as 0 here), and the score function alone is "
    "right. The log-probability of an `rsample` gives exactly 0 in both.",
)
offsets = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
curves = {}
for estimator in (rsample, score_function, score_minus_baseline):
    found = [single_gradients(estimator, lambda z, up=up: smooth(z) + up, 2000) for up in offsets]
    curves[estimator.__name__] = [one.std().item() for one in found]
plot("spread", offsets, curves, x_label="constant added to the cost", y_label="spread of one draw")
louder = {name: spreads[-1] / spreads[0] for name, spreads in curves.items()}
holds(louder["score_function"] > 3, "a constant in the cost is noise to the score function")
holds(abs(louder["rsample"] - 1) < 1e-9 and abs(louder["score_minus_baseline"] - 1) < 0.1, "and nothing to the others")
say(
    ja="コストに定数を足しても、正しい勾配は変わりません。それでも、スコア関数の勾配のノイズは大きくなります。"
    "ベースラインを引くと、その影響はなくなります。",
    en="A constant added to the cost changes nothing of the right gradient, and yet the score function becomes "
    "noisier with it. A baseline takes that off again.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
diagnosis = gc.diagnose(drawn, wrt=model)
picture(diagnosis, "sample")
holds([one.code for one in diagnosis.errors] == ["GF103"], "the debugger names sampling at sample()")
policy = nn.Linear(6, 2).double()


def reward(z):
    return (z.sum(dim=-1) > 0).double()


def log_prob_of_rsample():
    dist = Normal(policy(lines), 0.5)
    z = dist.rsample()
    return -(reward(z) * dist.log_prob(z).sum(dim=-1)).mean()


code(log_prob_of_rsample)
diagnosis = gc.diagnose(log_prob_of_rsample, wrt=policy)
picture(diagnosis, "cancels")
holds([one.code for one in diagnosis.errors] == ["GF302"], "the debugger names cancels")
say(
    ja="`rsample` は `z = mean + scale * noise` を計算します。その対数確率に現れるのは `z - mean` だけで、"
    "これは `scale * noise` です。平均を動かすと `z` も一緒に動くので、二つの経路の勾配が打ち消し合います(`{kind}`)。"
    "",
    en="`rsample` computes `z = mean + scale * noise`. In its log-probability `z - mean` alone occurs, and that is "
    "`scale * noise`: where the mean moves, `z` moves along, and the gradients of the two paths cancel (`{kind}`).",
    kind=diagnosis.errors[0].kind,
)
say(
    ja="二つの推定量は、別のことを微分しています。`rsample` は「サンプリングした値を動かすと、"
    "コストがどう変わるか」を、スコア関数は「サンプリングした値はそのままで、その値の出る確率がどう変わるか」を計算します。"
    "だから前者ではコストの微分が必要で、後者では `z` が定数でなければなりません。",
    en="The two estimators differentiate different things. `rsample` asks how the cost changes where the value drawn "
    "is moved; the score function keeps the value as it is, and asks how its probability changes. So the first "
    "needs the derivative of the cost, and the second needs a `z` that is a constant.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def reparameterised():
    return (decoder(latent().rsample()) - lines).square().mean()


def by_score():
    dist = Normal(policy(lines), 0.5)
    z = dist.sample()
    found = reward(z)
    others = (found.sum() - found) / (len(found) - 1)
    return -((found - others) * dist.log_prob(z).sum(dim=-1)).mean()


code(reparameterised)
code(by_score)
found = norms(reparameterised())
verdict = gc.compare_gradients(reparameterised, wrt=model).verdict
reports = [gc.diagnose(reparameterised, wrt=model), gc.diagnose(by_score, wrt=policy)]
table(["", "encoder", "decoder"], [["gradient norm", *found]])
show("compare_gradients", verdict)
holds(found[0] != "None" and verdict == "agrees", "the encoder gets a gradient, not 0, of the right value")
holds(all(report.ok for report in reports), "no error is found in either")
draws = 1500
torch.manual_seed(1)
many = torch.stack([torch.autograd.grad(by_score(), policy.bias)[0] for _ in range(draws)])
mean = policy(lines).detach().sum(-1) / (0.5 * math.sqrt(2))  # of the sum of z, in units of its own scale
truth = -(torch.exp(-0.5 * mean**2) / math.sqrt(2 * math.pi) / (0.5 * math.sqrt(2))).mean()
far = ((many.mean(0) - truth).abs() / (many.std(0) / math.sqrt(draws))).max().item()
show("by_score: standard errors off the exact gradient", far)
holds(far < 4 and bool(truth != 0), "on average the score function gives the exact gradient")
say(
    ja="コストを微分できるなら `rsample`、できないなら `sample` とスコア関数を使い、ベースラインを引きます。"
    "二つを混ぜるときは、どの値が定数なのかを一つずつ確かめます。",
    en="Where the cost can be differentiated, `rsample`; where it cannot, `sample` and the score function, less a "
    "baseline. Where both are mixed, make sure of each value whether it is to be a constant.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、同じノイズから二つの推定量を作り、最後に、連続な値とカテゴリの両方をサンプリングする損失で、"
    "二つを組み合わせます。",
    en="In the exercise you build both estimators from the same noise, and then put them together in a loss that "
    "samples a continuous value and a category.",
)
finish()
