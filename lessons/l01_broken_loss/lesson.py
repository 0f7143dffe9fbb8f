"""Lesson 1: the loss that falls and teaches nothing.

The story's training step, small: CTC plus a penalty by a language model, read through argmax and a string.
Run it: python lessons/l01_broken_loss/lesson.py --lang ja
"""

import torch

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table
from gradcheck_lm.course.toys import LABEL, collapse, ctc, story

begin(__file__)

recogniser, language_model, frames = story()
language_model.requires_grad_(False)  # the language model only judges


def penalty(logits):
    ids = logits.argmax(-1)[:, 0].tolist()
    text = collapse(ids)
    worse = language_model.score(text) - language_model.score(LABEL)
    return worse.clamp(min=0)


def total_loss(weight):
    logits = recogniser(frames)
    return ctc(logits) + weight * penalty(logits)


def gradient_at(weight):
    found = torch.autograd.grad(total_loss(weight), list(recogniser.parameters()))
    return torch.cat([gradient.flatten() for gradient in found])


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
reading = collapse(recogniser(frames).argmax(-1)[:, 0].tolist())
say(
    ja="認識器は「{label}」の画像を「{reading}」と読みました。そんな単語はありません。"
    "そこで、言語モデルのスコアを、重み `0.1` のペナルティとして CTC の損失に足します。",
    en='The recogniser read an image of "{label}" as "{reading}", which is no word. '
    "So the score of a language model is added to the CTC loss, as a penalty with the weight `0.1`.",
    label=LABEL,
    reading=reading,
)
code(penalty)
code(total_loss)
start = [parameter.detach().clone() for parameter in recogniser.parameters()]
optimizer = torch.optim.SGD(recogniser.parameters(), lr=0.05)
rows = []
for step in range(61):
    loss = total_loss(0.1)
    if step % 20 == 0:
        now = penalty(recogniser(frames))
        rows.append([step, loss, now, loss.requires_grad, collapse(recogniser(frames).argmax(-1)[:, 0].tolist())])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
table(["step", "total", "penalty", "total.requires_grad", "reading"], rows)
holds(rows[-1][1] < rows[0][1] and rows[-1][2] < rows[0][2], "loss and penalty fall")
say(
    ja="損失は {first:.3f} から {last:.3f} に下がり、`requires_grad` は `True`、エラーは一つもありません。"
    "ペナルティも下がりました。うまくいっているように見えます。",
    en="The loss fell from {first:.3f} to {last:.3f}, `requires_grad` is `True`, and there is no error at all. "
    "The penalty fell too. It looks as if it works.",
    first=rows[0][1],
    last=rows[-1][1],
)
with torch.no_grad():
    for parameter, value in zip(recogniser.parameters(), start, strict=True):
        parameter.copy_(value)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="ペナルティの重みを 0、1、`100` と変えます。損失の値と、認識器の勾配は、それぞれどう変わるでしょうか。",
    en="The penalty's weight is now set to 0, 1 and `100`. What happens to the loss, and what to the gradient "
    "of the recogniser?",
    choices=[
        choice(ja="損失も勾配も、重みとともに大きくなる", en="both grow with the weight"),
        choice(ja="損失は変わるが、勾配は 1 ビットも変わらない", en="the loss changes, and not one bit of the gradient",
               right=True),
        choice(ja="損失は変わらないが、勾配は変わる", en="the loss stays, the gradient changes"),
        choice(ja="損失は大きく、勾配はわずかに変わる", en="the loss changes much, the gradient a little"),
    ],
)  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
alone = gradient_at(0)
rows = []
for weight in (0, 1, 100):
    found = gradient_at(weight)
    rows.append([weight, total_loss(weight), found.norm(), str(torch.equal(found, alone))])
table(["weight", "total", "gradient norm", "same bits as weight 0"], rows)
holds(all(row[3] == "True" for row in rows) and rows[0][1] != rows[-1][1], "the weight changes the loss alone")
say(
    ja="損失は {small:.3f} から {large:.3f} まで変わりました。勾配は 1 ビットも変わりません。"
    "つまり、このペナルティは認識器の学習に効いていません。ペナルティが下がったのは、CTC で正解を学習したからです。",
    en="The loss went from {small:.3f} to {large:.3f}. Of the gradient, not one bit changed: this penalty teaches "
    "the recogniser nothing. The penalty fell because CTC taught the right text.",
    small=rows[0][1],
    large=rows[-1][1],
)
logits = recogniser(frames)
say(
    ja="二つの項を、別々の計算グラフとして描きます。",
    en="Here are the two terms, each with its own graph.",
)
picture(
    {"ctc": ctc(logits), "penalty": penalty(logits)},
    "two-terms",
    params=dict(recogniser.named_parameters()),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
diagnosis = gc.diagnose(
    lambda: {"ctc": ctc(logits := recogniser(frames)), "penalty": penalty(logits)},
    wrt=recogniser,
)
picture(diagnosis, "diagnosis")
terms = diagnosis.terms
holds(
    terms["ctc"].requires_grad and terms["penalty"].dead and not diagnosis.ok, "the sum requires grad, the term is dead"
)
say(
    ja="`argmax` はクラスの番号を、`tolist()` は Python のリストを返します。ここで計算グラフは切断されます。"
    "そのあと文字列から計算した数は、認識器から見れば定数です。"
    "それでも合計の `requires_grad` は `True` です。CTC の項に勾配があるからです。",
    en="`argmax` gives class indices, `tolist()` a Python list: here the graph is cut. "
    "What is computed from the string afterwards is a constant to the recogniser. "
    "`requires_grad` of the sum is still `True`, because its CTC term has a gradient.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")


def soft_penalty(logits):
    probabilities = logits[:, 0].softmax(-1)
    worse = language_model.score_soft(probabilities) - language_model.score(LABEL)
    return worse.clamp(min=0)


code(soft_penalty)
terms = {"ctc": ctc(recogniser(frames)), "penalty": soft_penalty(recogniser(frames))}
attribution = gc.attribute(terms, wrt=recogniser)
show(attribution)
say(
    ja="`share` は、その項の勾配のノルムが全項のノルムの合計に占める割合です。`cos` "
    "は二つの項の勾配のコサイン類似度で、"
    "負なら、二つの項は逆の方向へ引き合っています。",
    en="`share` is the part of a term's gradient norm in the sum of all terms' norms. `cos` is the cosine "
    "similarity of "
    "the gradients of two terms: where it is negative, the two pull against each other.",
)
comparison = gc.compare_gradients(lambda: soft_penalty(recogniser(frames)), wrt=recogniser)
show("compare_gradients", comparison.verdict)
holds(comparison.verdict == "agrees" and not attribution.dead, "the soft penalty teaches")
say(
    ja="文字列の代わりに確率を使うと、ペナルティから勾配が届きます。次の三つをそろえて確かめます。"
    "経路があること、0 でないこと、値が正しいこと。`compare_gradients` は有限差分と比べて `{verdict}` を返しました。"
    "ただし、これは別の関数です。何の勾配なのかは、あとの課で考えます。",
    en="With probabilities in place of a string, a gradient arrives from the penalty. The proof always "
    "has three parts: a path exists, it is not zero, and it has the right value. "
    "Compared with finite differences, `compare_gradients` returns `{verdict}`. "
    "It is another function, though; of what, a later lesson says.",
    verdict=comparison.verdict,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、「この項は学習に効いているか」に正しく答える関数を直します。"
    "いまのコードは `requires_grad` を信じています。",
    en="In the exercise you fix functions that answer: does this term teach anything? "
    "As they stand, they believe `requires_grad`.",
)
finish()
