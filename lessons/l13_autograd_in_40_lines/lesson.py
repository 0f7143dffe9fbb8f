"""Lesson 13 (optional): autograd in 40 lines.

Numbers that remember what they were made of, and one walk back over them: this is all there is to backward().
Run it: python lessons/l13_autograd_in_40_lines/lesson.py --lang ja
"""

import inspect
import math
import random

import torch

from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, say, show, table

begin(__file__)


class Value:
    """A number that remembers what it was made of."""

    def __init__(self, data, made_of=()):
        self.data = data
        self.made_of = made_of  # pairs (value, slope): how fast this number moves with that one
        self.grad = 0.0

    def __add__(self, other):
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def exp(self):
        result = math.exp(self.data)
        return Value(result, ((self, result),))

    def backward(self):
        order = consumers_first(self)
        for value in order:
            if value.made_of:
                value.grad = 0.0
        self.grad += 1.0
        for value in order:
            for before, slope in value.made_of:
                before.grad += slope * value.grad


def consumers_first(last):
    order, seen, waiting = [], set(), [(last, False)]
    while waiting:
        value, inputs_done = waiting.pop()
        if inputs_done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            waiting.append((value, True))
            waiting += [(before, False) for before, _ in value.made_of]
    return order[::-1]


def argmax(values):
    return max(range(len(values)), key=lambda place: values[place].data)


def expected_cost(logits, costs):
    weights = [logit.exp() for logit in logits]
    total = weights[0]
    for weight in weights[1:]:
        total = total + weight
    share = Value(1 / total.data, ((total, -1 / total.data**2),))
    loss = Value(0.0)
    for weight, cost in zip(weights, costs, strict=True):
        loss = loss + weight * share * Value(cost)
    return loss


NUMBERS, COSTS = (0.3, 1.2, -0.7), (2.0, 5.0, 1.0)

# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="最後に、自動微分そのものを作ります。足し算、掛け算、`exp`、そして `backward()`。これだけで動きます。",
    en="Last, we build automatic differentiation itself. Addition, multiplication, `exp` and `backward()`: "
    "that is enough.",
)
code(Value)
code(consumers_first)
lines = sum(len(inspect.getsource(part).splitlines()) for part in (Value, consumers_first))
show("lines", lines)
logits = [Value(number) for number in NUMBERS]
code(argmax)
place = argmax(logits)
loss = Value(COSTS[place])
loss.backward()
show("loss", loss.data)
show("loss.made_of", loss.made_of)
show("gradients", [logit.grad for logit in logits])
holds(not any(logit.grad for logit in logits), "no gradient arrives from behind argmax")
say(
    ja="{lines} 行の自動微分でも、`argmax` を通った損失から勾配は届かず、`grad` は初めの値 {gradient:g} のままです。"
    "PyTorch なら `grad` は `None` のままか、エラーになります。症状の見え方は違い、原因(切断)は同じです。",
    en="In an autograd of {lines} lines, too, no gradient arrives from a loss behind `argmax`: `grad` stays "
    "{gradient:g}, as it was. In PyTorch it stays `None`, or there is an error: the symptoms differ, the cause, a cut, "
    "is the same.",
    lines=lines,
    gradient=max(abs(logit.grad) for logit in logits),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
ask(
    ja="`backward` の `+=` を `=` に変えると、どんな式で勾配が間違うでしょうか。",
    en="Put `=` where `backward` has `+=`: for which formulas will the gradient be wrong?",
    choices=[
        choice(ja="どの式でも間違う", en="for all formulas"),
        choice(ja="同じ値が二度以上使われる式", en="for those in which a value is used more than once", right=True),
        choice(ja="長い式", en="for long formulas"),
        choice(ja="どの式でも正しい", en="for none"),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def backward_that_assigns(last):
    last.grad = 1.0
    for value in consumers_first(last):
        for before, slope in value.made_of:
            before.grad = slope * value.grad


def chain(x):
    return (x * x.__class__(2.0)).exp() if isinstance(x, Value) else (x * 2.0).exp()


def diamond(x):
    high = x.exp()
    return high * x + high


def square(x):
    return x * x


rows = []
for formula in (chain, diamond, square):
    found = []
    for backward in (Value.backward, backward_that_assigns):
        x = Value(0.7)
        backward(formula(x))
        found.append(x.grad)
    true = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    formula(true).backward()
    rows.append([formula.__name__, found[0], found[1], true.grad.item()])
code(diamond)
table(["formula", "+=", "=", "torch"], rows)
holds(all(abs(row[1] - row[3]) < 1e-12 for row in rows), "adding is right for all three")
holds([abs(row[2] - row[3]) < 1e-12 for row in rows] == [True, False, False], "assigning only for the chain")
say(
    ja="枝分かれのない式なら、代入でも正しい値が出ます。ひし形では、`x` に二つの経路から勾配が届きます。"
    "代入すると、あとから来たほうだけが残ります。足すのは、経路ごとの寄与の和が微分だからです。",
    en="In a formula like a chain, assigning gives the right value too. In a diamond two paths bring a gradient to "
    "`x`, and assigning keeps only the one that comes later. "
    "We add because the derivative is the sum over all paths.",
)
x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
picture(diamond(x), "diamond", params={"x": x})

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
say(
    ja="`argmax` が返すのは番号、つまり Python の整数です。整数には `made_of` がありません。"
    "切断とは、何かが壊れることではなく、何も記録されないことです。",
    en="What `argmax` returns is a place, a Python integer, and an integer has no `made_of`. "
    "A cut does not break anything: it is a place where nothing is recorded.",
)
show("type(argmax(logits)).__name__", type(argmax(logits)).__name__)
steps = []
for step in (1e-6, 1e-3):
    moved = [Value(NUMBERS[0] + step), *logits[1:]]
    steps.append((COSTS[argmax(moved)] - COSTS[place]) / step)
show("finite differences", steps)
holds(steps == [0.0, 0.0], "the true slope is 0")
say(
    ja="記録を足しても助けにはなりません。番号は入力を少し動かしても変わらないので、正しい傾きは {slope:g} です。"
    "直すべきなのは `argmax` の行ではなく、損失の式です。",
    en="Recording it would not help: move the input a little and the place stays the same, so the true slope is "
    "{slope:g}. It is not the line with `argmax` that needs fixing, but the formula of the loss.",
    slope=max(steps),
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
code(expected_cost)
logits = [Value(number) for number in NUMBERS]
loss = expected_cost(logits, COSTS)
loss.backward()
true = torch.tensor(NUMBERS, dtype=torch.float64, requires_grad=True)
(true.softmax(0) * torch.tensor(COSTS, dtype=torch.float64)).sum().backward()
rows = [[number, logit.grad, right.item()] for number, logit, right in zip(NUMBERS, logits, true.grad, strict=True)]
table(["logit", "our grad", "torch"], rows)


def random_formula(numbers, make, choices):
    """The same random formula of any kind of number: values are reused often, so it is full of diamonds."""
    values = [make(number) for number in numbers]
    leaves = list(values)
    for kind, one, other in choices:
        a, b = values[one % len(values)], values[other % len(values)]
        values.append(a + b if kind == 0 else a * b if kind == 1 else (a * make(0.1)).exp())
    return values[-1], leaves


chance, worst, live = random.Random(0), 0.0, 0
for _ in range(50):
    numbers = [chance.uniform(-1, 1) for _ in range(4)]
    choices = [(chance.randrange(3), chance.randrange(100), chance.randrange(100)) for _ in range(12)]
    ours, leaves = random_formula(numbers, Value, choices)
    theirs, right = random_formula(
        numbers, lambda number: torch.tensor(number, dtype=torch.float64, requires_grad=True), choices
    )
    ours.backward()
    theirs.backward()
    for mine, true in zip(leaves, right, strict=True):
        wanted = 0.0 if true.grad is None else true.grad.item()
        worst, live = max(worst, abs(mine.grad - wanted) / (1 + abs(wanted))), live + (wanted != 0.0)
show("gradients compared that are not 0", live)
show("largest relative difference from torch", worst)
holds(all(abs(row[1] - row[2]) < 1e-12 and row[1] != 0 for row in rows) and worst < 1e-9 and live > 50, "as in torch")
say(
    ja="選ぶ代わりに期待値を取ると、経路ができ、0 でない勾配が届き、値は PyTorch と合います。"
    "ランダムに生成した式の 0 でない {live} 個の勾配でも、差は最大で {worst:.1g} でした。",
    en="Take the expected value in place of a choice, and there is a path, a gradient that is not zero, and PyTorch's "
    "value. On the {live} gradients other than 0 of formulas made at random, the largest difference was {worst:.1g}.",
    live=live,
    worst=worst,
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、同じ自動微分を配列に広げます。ブロードキャスト、行列積、軸についての和の逆伝播です。"
    "勾配の形は、いつでも元の配列の形になります。",
    en="In the exercise the same autograd works on arrays: broadcasting, matrix products and sums over an axis, "
    "backwards. A gradient always has the shape of its own array.",
)
finish()
