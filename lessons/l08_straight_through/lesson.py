"""Lesson 8: straight-through.

Forward the hard value, backward the soft gradient. gradcheck fails it, and is right to do so.
Run it: python lessons/l08_straight_through/lesson.py --lang ja
"""

import torch
import torch.nn.functional as F

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table
from gradcheck_lm.course.toys import ALPHABET, collapse, story, taught_lm

begin(__file__)

recogniser, _, frames = story(dtype=torch.float64)
frames = frames[[0, 3, 6, 9]]  # one frame for each letter
recogniser.head.bias.data[ALPHABET.index("c")] += 3.0  # a little less sure that there is no "c"
language_model = taught_lm(dtype=torch.float64)


def one_hot(logits):
    return F.one_hot(logits.argmax(-1), len(ALPHABET)).to(logits.dtype)


def hard_score(logits):
    return language_model(one_hot(logits))


def soft_score(logits):
    return language_model(logits.softmax(-1))


def straight_through(logits):
    soft = logits.softmax(-1)
    letters = one_hot(logits) + (soft - soft.detach())
    return language_model(letters)


def gradient(score, logits):
    logits = logits.detach().requires_grad_()
    return torch.autograd.grad(score(logits), logits)[0]


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
logits = recogniser(frames)[:, 0].detach()
rows = [[score.__name__, score(logits)] for score in (hard_score, soft_score)]
table(["score", "nats per letter"], rows)
say(
    ja="この課では、認識器の「c」のバイアスを `3` だけ上げてあります。前の課と値が違うのはそのためです。",
    en='In this lesson the recogniser\'s bias of "c" is raised by `3`: values differ from those of the lessons before.',
)
say(
    ja="ソフト埋め込みの値は、読んだ文字列「{text}」のスコアではありません。"
    "しきい値と比べるときや、ログに残すときは、文字列そのもののスコアが欲しいのです。",
    en='The value of soft embeddings is not the score of the string that was read, "{text}". '
    "To compare with a threshold, or to log, it is the string's own score that is wanted.",
    text=collapse(logits.argmax(-1).tolist()),
)
code(straight_through)
say(
    ja="そこで、値はハードな(one-hot の)文字から、勾配は確率から取ります。"
    "`soft - soft.detach()` は値がちょうど 0 で、勾配だけを伝えます。これが Straight-Through Estimator(STE)です。",
    en="So the value is taken from the hard letters, and the gradient is borrowed from the probabilities: "
    "`soft - soft.detach()` is exactly 0 and carries a gradient all the same. This is called straight-through.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`torch.autograd.gradcheck` は、STE を合格にするでしょうか。壊れた `hard_score` はどうでしょうか。",
    en="Will `torch.autograd.gradcheck` pass straight-through? And what of the broken `hard_score`?",
    choices=[
        choice(ja="どちらも合格", en="it passes both"),
        choice(ja="STE は合格、`hard_score` は不合格", en="it passes straight-through and fails `hard_score`"),
        choice(
            ja="STE は不合格、`hard_score` は合格", en="it fails straight-through and passes `hard_score`", right=True
        ),
        choice(ja="どちらも不合格", en="it fails both"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def verdict_of_gradcheck(score):
    try:
        return str(torch.autograd.gradcheck(score, (logits.clone().requires_grad_(),)))
    except RuntimeError as error:
        return type(error).__name__


rows = []
for score in (hard_score, soft_score, straight_through):
    alive = score(logits.clone().requires_grad_()).requires_grad
    norm = f"{gradient(score, logits).norm():.4g}" if alive else "none"
    verdict = gc.compare_gradients(lambda score=score: score(recogniser(frames)[:, 0]), wrt=recogniser).verdict
    rows.append([score.__name__, score(logits), norm, verdict_of_gradcheck(score), verdict])
table(["score", "value", "gradient norm", "gradcheck", "compare_gradients"], rows)
holds(rows[0][3] == "True" and rows[2][3] == "GradcheckError", "gradcheck passes the broken one and fails the other")
say(
    ja="逆です。勾配の届かない `hard_score` が合格し、勾配の届く STE は `{error}` になりました。"
    "`compare_gradients` は STE に対して `{verdict}`(値が階段)を返します。",
    en="The wrong way round: `hard_score`, which teaches nothing, is passed; "
    "straight-through, from which a gradient arrives, ends in `{error}`. "
    "`compare_gradients` calls it `{verdict}`: its value is a staircase.",
    error=rows[-1][3],
    verdict=rows[-1][4],
)
picture(
    {"straight_through": straight_through(recogniser(frames)[:, 0])},
    "straight-through",
    params=dict(recogniser.named_parameters()),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="`gradcheck` は、その関数自身の有限差分と比べます。STE の値は階段なので、有限差分は 0 です。"
    "0 でない勾配を返すのですから、不合格は正しい判定です。",
    en="`gradcheck` compares a function with its own finite differences. The value of straight-through is a staircase, "
    "so they are 0. It gives a gradient that is not 0, and failing it is the right verdict.",
)


def surrogate_at(logits):
    letters = one_hot(logits).requires_grad_()
    (slope,) = torch.autograd.grad(language_model(letters), letters)
    return lambda moved: (slope * moved.softmax(-1)).sum()


code(surrogate_at)
surrogate = surrogate_at(logits)
estimate = gradient(straight_through, logits)
rows = []
for name, score in {"hard_score": hard_score, "soft_score": soft_score, "surrogate": surrogate}.items():
    numeric = torch.zeros_like(logits)
    for place in range(logits.numel()):
        step = torch.zeros_like(logits)
        step.view(-1)[place] = 1e-6
        numeric += step * (score(logits + step) - score(logits - step)) / 2e-12
    rows.append([name, numeric.norm(), f"{(estimate - numeric).norm() / estimate.norm():.2g}"])
table(["finite differences of", "norm", "distance to straight-through, relative"], rows)
holds(
    float(rows[0][1]) == 0.0 and float(rows[2][2]) < 1e-6 < float(rows[1][2]), "it is the surrogate's, and no other's"
)
say(
    ja="では、どの関数の勾配なのでしょうか。ハードな文字での言語モデルの傾きを固定し、確率との内積を取ったもの、"
    "これが代理の関数です。その有限差分とは、相対誤差 {error} で一致します。",
    en="Whose gradient is it, then? Take the slope of the language model at the hard letters, hold it fixed, and "
    "multiply it with the probabilities: that is the surrogate. "
    "With its finite differences it agrees, to {error} relative.",
    error=rows[-1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
drawn = 3 * torch.randn(10_000, len(ALPHABET))
letters = (one_hot(drawn), drawn.softmax(-1))
vectors = tuple(one @ language_model.embedding.weight.T.float() for one in letters)
forms = {
    "(hard + soft) - soft.detach()": lambda hard, soft: (hard + soft) - soft.detach(),
    "soft + (hard - soft).detach()": lambda hard, soft: soft + (hard - soft).detach(),
    "hard + (soft - soft.detach())": lambda hard, soft: hard + (soft - soft.detach()),
}
rows = []
for name, form in forms.items():
    off = [form(hard, soft).ne(hard).any(-1).float().mean() for hard, soft in (letters, vectors)]
    rows.append([name, *(f"{share:.1%}" for share in off)])
table(["form", "letters off", "embeddings off"], rows)
holds(rows[-1][1:] == ["0.0%", "0.0%"] and all(row[1:] != rows[-1][1:] for row in rows[:-1]), "one form keeps the bits")
say(
    ja="値のビットが違ったものの割合です。数式としては同じ三つの書き方ですが、丸め誤差が違います。"
    "文字でも埋め込みでも値が 1 ビットも変わらないのは、"
    "最後の形だけです。かっこの位置が大事です。",
    en="The table gives the share with a wrong bit. In mathematics the three forms are the same; "
    "in rounding they differ. Only the last keeps every bit of the "
    "value, for letters and for embeddings alike: the brackets matter.",
)
passed = torch.autograd.gradcheck(surrogate, (logits.clone().requires_grad_(),))
right = gradient(surrogate, logits)
rows = [
    ["same bits as hard_score", str(torch.equal(straight_through(logits), hard_score(logits)))],
    ["path, gradient norm", float(estimate.norm())],
    ["gradcheck of the surrogate", str(passed)],
    ["gradient is the surrogate's", str(torch.allclose(estimate, right))],
]
table(["proof", "value"], rows)
say(
    ja="STE でも同じ三つを確かめます。経路があり、0 でなく(ノルム {norm:.3g})、値は代理の関数の勾配と等しいのです。"
    "比べる相手を間違えなければ、有限差分は役に立ちます。",
    en="The proof of straight-through has its three parts too: a path, a gradient that is not zero (norm {norm:.3g}), "
    "and the value of the surrogate's gradient. Finite differences do serve, where they are those of the right "
    "function.",
    norm=estimate.norm(),
)
nats = -language_model.predict(language_model.embedding.weight.T)


def expected_score(logits):
    letters = logits.softmax(-1)
    return (letters[:-1, :, None] * letters[1:, None, :] * nats).sum((1, 2)).mean()


cosines = []
for _ in range(300):
    somewhere = 2 * torch.randn_like(logits)
    pair = [gradient(score, somewhere).flatten() for score in (straight_through, expected_score)]
    cosines.append(F.cosine_similarity(*pair, dim=0))
cosines = torch.stack(cosines)
show("cosine to the exact gradient, mean", cosines.mean())
show("cosine to the exact gradient, smallest", cosines.min())
show("starts where it points uphill", f"{(cosines < 0).double().mean():.1%}")
moving = logits.clone()
for _ in range(60):
    moving -= 2.0 * gradient(straight_through, moving)
say(
    ja="最後に、偏りを測りました。`300` 個の出発点で、スコアの期待値の正しい勾配とのコサイン類似度は"
    "平均 {mean:.2f}、最小 {least:.2f} です。それでも、この行は「{before}」から「{after}」に変わりました。",
    en="Last, the bias is measured: over `300` starts, the cosine to the right gradient of the expected score is "
    '{mean:.2f} on average and {least:.2f} at worst. This line, for all that, went from "{before}" to "{after}".',
    mean=cosines.mean(),
    least=cosines.min(),
    before=collapse(logits.argmax(-1).tolist()),
    after=collapse(moving.argmax(-1).tolist()),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、1 ビットも違わない STE、自作の `autograd.Function`、そして STE を正しく検査する関数を直します。",
    en="In the exercise you fix a straight-through that is right to the bit, an `autograd.Function` of your own, "
    "and a function that examines a straight-through in the right way.",
)
finish()
