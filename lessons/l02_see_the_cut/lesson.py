"""Lesson 2: see the cut.

A graph is something one can walk: from the loss, operation by operation, to the leaves that get a gradient.
Run it: python lessons/l02_see_the_cut/lesson.py --lang ja
"""

import itertools

import torch

from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table
from gradcheck_lm.course.toys import collapse, ctc, story
from gradcheck_lm.draw.autograd.autograd import walk

begin(__file__)

recogniser, language_model, frames = story()
names = {**dict(recogniser.named_parameters()), "lm.table": language_model.table}


def broken_penalty(logits):
    ids = logits.argmax(-1)[:, 0].tolist()
    return language_model.score(collapse(ids)).detach()


def soft_penalty(logits):
    return language_model.score_soft(logits[:, 0].softmax(-1))


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
logits = recogniser(frames)
broken = broken_penalty(logits)
say(
    ja="壊れたペナルティは、値としては普通の数です。値を表示しても、切れ目は見えません。",
    en="As a value the broken penalty is an ordinary number: printing it does not show the cut.",
)
show("broken", broken)
show("broken.requires_grad", broken.requires_grad)
show("broken.grad_fn", broken.grad_fn)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="計算グラフを絵に描くと、壊れたペナルティと、確率を使うペナルティは、どう違って見えるでしょうか。"
    "箱はいくつでしょうか。",
    en="Drawn as graphs, how will the broken penalty and the one made of probabilities differ? "
    "How many boxes has each?",
    choices=[
        choice(ja="どちらも同じ形で、矢印の色だけが違う", en="both have the same shape, in other colours"),
        choice(ja="壊れたほうは箱が一つだけ", en="the broken one is a single box", right=True),
        choice(ja="壊れたほうは途中で矢印が切れている", en="in the broken one an arrow is missing in the middle"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")
picture(broken, "lonely-box")
holds(len(walk({"broken": broken})) == 1, "the broken loss is one box")
say(
    ja="箱は一つだけです。そこから先へ行く経路がありません。これが切断の姿です。",
    en="There is one lonely box, and no way to go from it. This is what a cut looks like.",
)
healthy = soft_penalty(logits)
picture({"healthy": healthy}, "healthy", params=names)
say(
    ja="こちらには `head.weight` までの経路と、凍結していない言語モデルへの経路があります。箱は {count} 個です。"
    "同じ箱に二つの経路が入る所は「see above」と書かれています。",
    en="Here a path leads to `head.weight`, and one to the language model, which is not frozen. "
    "There are {count} boxes. "
    'Where two paths enter the same box, the second one says "see above".',
    count=len(walk({"healthy": healthy})),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="テンソルは、自分を作った演算を `grad_fn` に覚えています。演算は、自分の入力を作った演算を "
    "`next_functions` に覚えています。逆伝播はこの経路をたどるだけです。経路がなければ、勾配も届きません。",
    en="A tensor remembers the operation that made it as `grad_fn`; an operation remembers those that made "
    "its inputs as `next_functions`. The backward pass only walks that path. "
    "Where there is no path, no gradient arrives.",
)
step = healthy.grad_fn
for _ in range(4):
    show(type(step).__name__)
    step = next(before for before, _ in step.next_functions if before is not None)
say(
    ja="経路の終わりは `AccumulateGrad` という箱です。その `variable` が葉テンソルです。",
    en="The path ends at a box called `AccumulateGrad`; its `variable` is the leaf tensor.",
)


def visits(function):
    """How many steps a walk takes that does not remember where it has been."""
    if function is None:
        return 0
    return 1 + sum(visits(before) for before, _ in function.next_functions)


rows = []
for diamonds in (2, 6, 10):
    value = torch.ones(3, requires_grad=True)
    for _ in range(diamonds):
        value = value.sin() + value.cos()
    rows.append([diamonds, len(walk({"loss": value.sum()})), visits(value.sum().grad_fn)])
code(visits)
table(["diamonds", "boxes", "visits"], rows)
holds(
    all(b[2] > 2 ** (b[0] - a[0]) * a[2] * 0.9 for a, b in itertools.pairwise(rows)), "each diamond doubles the visits"
)
holds(all(b[1] - a[1] == 3 * (b[0] - a[0]) for a, b in itertools.pairwise(rows)), "and adds three boxes")
say(
    ja="ひし形があるたびに経路は二倍になります。箱は {boxes} 個しかないのに、訪問は {visits} 回です。"
    "訪れた箱を覚えておけば、どの箱も一度で済みます。",
    en="Each diamond doubles the number of paths: {visits} visits for only {boxes} boxes. "
    "Remember the boxes that were visited, and each is visited once.",
    boxes=rows[-1][1],
    visits=rows[-1][2],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
long = torch.ones(2, requires_grad=True)
value = long
for _ in range(3000):
    value = value * 1.001
try:
    outcome = str(visits(value.sum().grad_fn))
except RecursionError as error:
    outcome = type(error).__name__
show("visits", outcome)
holds(outcome == "RecursionError", "the recursive walk stops")
show("walk", f"{len(walk({'loss': value.sum()}))} boxes")
say(
    ja="再帰で一つずつたどる関数は、演算が `3000` 個つながると「{outcome}」で止まります。"
    "リストをスタックとして使うループなら、長さの制限はありません。",
    en='A function that calls itself at each step stops at a chain of `3000` operations with "{outcome}". '
    "A loop with a list as its stack has no such limit.",
    outcome=outcome,
)
total = ctc(logits) + 0.1 * broken
found = torch.autograd.grad(total, recogniser.head.weight, retain_graph=True)[0]
without = torch.autograd.grad(ctc(logits), recogniser.head.weight, retain_graph=True)[0]
picture({"total": total}, "total", params=names)
holds(torch.equal(found, without), "all of the sum's gradient is CTC's")
say(
    ja="最後に、合計の計算グラフです。経路はありますが、すべて CTC を通っています。"
    "CTC だけの勾配と比べると、差は {difference:g} です。経路を見るときは、どの項から来た経路かを見てください。",
    en="Last, the graph of the sum. There is a path, and all of it goes through CTC: "
    "compared with the gradient of CTC alone, the difference is {difference:g}. "
    "When you look at a path, ask which term it comes from.",
    difference=(found - without).abs().max(),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、損失から届く葉テンソルを集める関数と、切断の場所を言い当てる関数を直します。",
    en="In the exercise you fix a function that collects the leaf tensors which a loss reaches, and one "
    "that names the place of the cut.",
)
finish()
