"""Exercise 13: fix a small autograd. / 演習 13: 小さな自動微分を直す

A Value remembers what it was made of, as pairs (value, slope); backward() walks them and fills in .grad.
Value は、自分が何から作られたかを (値, 傾き) の組で覚えています。backward() はそれをたどって .grad を埋めます。
"""

import math


class Value:
    """A number that remembers what it was made of."""

    def __init__(self, data, made_of=()):
        self.data = float(data)
        self.made_of = tuple(made_of)
        self.grad = 0.0

    def __add__(self, other):
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        # >>> hole: product
        # en: how fast does a product move with its first factor, and how fast with its second?
        # ja: 積は、一つ目の因数とともにどれだけ動くか。二つ目の因数とともにはどうか
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))
        # --- broken
        # return Value(self.data * other.data, ((self, self.data), (other, other.data)))
        # <<< hole

    def exp(self):
        result = math.exp(self.data)
        return Value(result, ((self, result),))

    def power(self, exponent):
        """To a power that is an ordinary number."""
        return Value(self.data**exponent, ((self, exponent * self.data ** (exponent - 1)),))

    def backward(self):
        """Add the slope of this number to the .grad of every leaf; a second call adds once more, as in torch.

        この数の傾きを、すべての葉の .grad に足す。二度目に呼ぶと、torch と同じように、もう一度足す。
        """
        order = consumers_first(self)
        # >>> hole: accumulate
        # en: gradients that arrive by several paths are added up; what stands between must start from 0 each time
        # ja: 何本もの経路から届く勾配は足し合わせる。途中の値の勾配は、毎回 0 から始める
        for value in order:
            if value.made_of:
                value.grad = 0.0
        self.grad += 1.0
        for value in order:
            for before, slope in value.made_of:
                before.grad += slope * value.grad
        # --- broken
        # self.grad = 1.0
        # for value in order:
        #     for before, slope in value.made_of:
        #         before.grad = slope * value.grad
        # <<< hole


def consumers_first(last):
    """All values that `last` was made of, itself included, each once: a value comes after all that were made of it.

    The time is proportional to their number.
    `last` のもとになったすべての値(自分を含む)を一度ずつ。値は、それを使って作られたものすべての後に来る。
    かかる時間は、値の数に比例する。
    """
    # >>> hole: order
    # en: a value may hand its gradient on only when it is complete; no recursion, graphs are long
    # ja: 値が勾配を渡してよいのは、自分の勾配がそろってから。グラフは長いので、再帰は使わない
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
    # --- broken
    # order, waiting = [], [last]
    # while waiting:
    #     value = waiting.pop()
    #     if value not in order:
    #         order.append(value)
    #         waiting += [before for before, _ in value.made_of]
    # return order
    # <<< hole


def cost_of(logits, costs):
    """What a class costs on average, if it is drawn with softmax probabilities of the logits: a Value.

    logits: list of Value; costs: list of numbers.
    ロジットの softmax の確率でクラスを引くときの、コストの平均を Value で返す。
    logits は Value のリスト、costs は数のリスト。
    """
    # >>> hole: cost
    # en: an index is a plain integer and records nothing; take the expected value instead of choosing
    # ja: 番号はただの整数で、何も記録しない。選ぶ代わりに期待値を取る
    weights = [logit.exp() for logit in logits]
    total = Value(0.0)
    for weight in weights:
        total = total + weight
    result = Value(0.0)
    for weight, cost in zip(weights, costs, strict=True):
        result = result + weight * total.power(-1) * Value(cost)
    return result
    # --- broken
    # best = max(range(len(logits)), key=lambda place: logits[place].data)
    # return Value(costs[best])
    # <<< hole
