"""Exercise 13: mend a small autograd. / 演習 13: 小さな自動微分を直す

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
        # TODO product: how fast does a product move with its first factor, and how fast with its second?
        #               積は、一つ目の因数とともにどれだけ動くか。二つ目の因数とともにはどうか
        return Value(self.data * other.data, ((self, self.data), (other, other.data)))
        # END product

    def exp(self):
        result = math.exp(self.data)
        return Value(result, ((self, result),))

    def power(self, exponent):
        """To a power that is an ordinary number."""
        return Value(self.data**exponent, ((self, exponent * self.data ** (exponent - 1)),))

    def backward(self):
        """Add the slope of this number to the .grad of every leaf; a second call adds once more, as in torch."""
        order = consumers_first(self)
        # TODO accumulate: gradients that arrive by several roads are added up; what stands between must start from 0 each time
        #                  何本もの道から届く勾配は足し合わせる。途中の値の勾配は、毎回 0 から始める
        self.grad = 1.0
        for value in order:
            for before, slope in value.made_of:
                before.grad = slope * value.grad
        # END accumulate


def consumers_first(last):
    """All values that `last` was made of, itself included, each once: a value comes after all that were made of it."""
    # TODO order: a value may hand its gradient on only when it is complete; no recursion, graphs are long
    #             値が勾配を渡してよいのは、自分の勾配がそろってから。グラフは長いので、再帰は使わない
    order, waiting = [], [last]
    while waiting:
        value = waiting.pop()
        if value not in order:
            order.append(value)
            waiting += [before for before, _ in value.made_of]
    return order
    # END order


def cost_of(logits, costs):
    """What a class costs on average, if it is drawn with softmax probabilities of the logits: a Value.

    logits: list of Value; costs: list of numbers.
    """
    # TODO cost: an index is a plain integer and records nothing; take the expected value instead of choosing
    #            番号はただの整数で、何も記録しない。選ぶ代わりに期待値を取る
    best = max(range(len(logits)), key=lambda place: logits[place].data)
    return Value(costs[best])
    # END cost
