"""Exercise 13: the same autograd, for arrays. / 演習 13: 同じ自動微分を、配列で

In the lesson a value was one number and a slope one factor. Here a value is an array; in place of a slope stands a
function that takes the gradient behind an operation and gives the gradient before it. torch only calculates here.
課では、値は一つの数、傾きは一つの係数でした。ここでは値は配列です。傾きの代わりに、演算の後ろの勾配を受け取って、
演算の前の勾配を返す関数を覚えます。torch は計算に使うだけです。
"""

import torch


def unbroadcast(gradient, shape):
    """The gradient of an array of this shape, from that of what it was broadcast to: what was copied is added up.

    ブロードキャストされた後の勾配から、元の形 `shape` の配列の勾配を求める。コピーされた分は足し合わせる。
    """
    # >>> hole: unbroadcast
    # en: axes that came in front go away; axes of length 1 that were stretched are added up and stay; others stay as is
    # ja: 前に増えた軸はなくなる。長さ 1 から伸びた軸は、足し合わせて長さ 1 に戻す。ほかの軸はそのまま
    while gradient.ndim > len(shape):
        gradient = gradient.sum(0)
    for axis, size in enumerate(shape):
        if size == 1:
            gradient = gradient.sum(axis, keepdim=True)
    return gradient
    # --- broken
    # return gradient.reshape(-1)[: max(1, torch.Size(shape).numel())].reshape(shape)
    # <<< hole


class Array:
    """An array that remembers what it was made of: pairs (array, back); back gives the gradient of that array.

    何から計算されたかを (配列, back) の組で覚えている配列。back はその配列の勾配を返す。
    """

    def __init__(self, data, made_of=()):
        self.data = torch.as_tensor(data, dtype=torch.float64)
        self.made_of = tuple(made_of)
        self.grad = torch.zeros_like(self.data)

    def __add__(self, other):
        return Array(
            self.data + other.data,
            (
                (self, lambda behind: unbroadcast(behind, self.data.shape)),
                (other, lambda behind: unbroadcast(behind, other.data.shape)),
            ),
        )

    def __mul__(self, other):
        """Entry by entry, with broadcasting. / 要素ごとの積。ブロードキャストもする。"""
        # >>> hole: product
        # en: each factor's slope is the other factor, and its gradient has its own shape
        # ja: 因数の傾きは、もう一方の因数。勾配の形は、その因数の形
        return Array(
            self.data * other.data,
            (
                (self, lambda behind: unbroadcast(behind * other.data, self.data.shape)),
                (other, lambda behind: unbroadcast(behind * self.data, other.data.shape)),
            ),
        )
        # --- broken
        # return Array(
        #     self.data * other.data,
        #     ((self, lambda behind: behind * other.data), (other, lambda behind: behind * self.data)),
        # )
        # <<< hole

    def __matmul__(self, other):
        """(N, K) @ (K, M) -> (N, M)."""
        # >>> hole: matmul
        # en: only one product of the gradient (N, M) with the other factor has the shape that is wanted
        # ja: 勾配 (N, M) と、もう一方の因数との行列積のうち、欲しい形になるのは一通りだけ
        return Array(
            self.data @ other.data,
            ((self, lambda behind: behind @ other.data.T), (other, lambda behind: self.data.T @ behind)),
        )
        # --- broken
        # return Array(self.data @ other.data, ((self, lambda behind: behind @ other.data.T),))
        # <<< hole

    def exp(self):
        result = self.data.exp()
        return Array(result, ((self, lambda behind: behind * result),))

    def power(self, exponent):
        """Each entry to a power that is an ordinary number. / 要素ごとに、普通の数のべき乗。"""
        slope = exponent * self.data ** (exponent - 1)
        return Array(self.data**exponent, ((self, lambda behind: behind * slope),))

    def total(self, axis):
        """The sum over one axis, which stays with length 1. / 一つの軸についての和。その軸は長さ 1 で残る。"""
        # >>> hole: total
        # en: every addend moves the sum as far as itself; the gradient must have the addends' shape again
        # ja: どの加数も、動いた分だけ和を動かす。勾配は、加数の形に戻さなければならない
        return Array(
            self.data.sum(axis, keepdim=True), ((self, lambda behind: behind.expand(self.data.shape).clone()),)
        )
        # --- broken
        # return Array(self.data.sum(axis, keepdim=True), ((self, lambda behind: behind / self.data.shape[axis]),))
        # <<< hole

    def backward(self):
        """Add the gradient of the sum of all entries to the .grad of every leaf, as the lesson's Value does.

        全要素の和の勾配を、それぞれの葉の .grad に足す。課の Value と同じ。
        """
        order = consumers_first(self)
        for array in order:
            if array.made_of:
                array.grad = torch.zeros_like(array.data)
        self.grad = self.grad + 1.0
        for array in order:
            for before, back in array.made_of:
                before.grad = before.grad + back(array.grad)


def consumers_first(last):
    """All that `last` was made of, itself included: an array comes after all that were made of it. As in the lesson.

    `last` の計算に使われたすべての配列(自身も含む)。それを使って計算されたものより後に並ぶ。課と同じ。
    """
    order, seen, waiting = [], set(), [(last, False)]
    while waiting:
        array, inputs_done = waiting.pop()
        if inputs_done:
            order.append(array)
        elif array not in seen:
            seen.add(array)
            waiting.append((array, True))
            waiting += [(before, False) for before, _ in array.made_of]
    return order[::-1]


def cost_of(logits, costs):
    """What a class costs on average, drawn with softmax probabilities of each row: logits (N, C), costs (C,) -> (N, 1).

    Both are Arrays, and both get their gradient.
    各行の softmax の確率でクラスをサンプリングするときの、コストの平均。
    logits (N, C) と costs (C,) はどちらも Array で、どちらにも勾配が届く。返すのは (N, 1)。
    """
    # >>> hole: cost
    # en: an index is a plain integer and records nothing; take the expected value of each row instead of choosing
    # ja: 番号はただの整数で、何も記録しない。選ぶ代わりに、行ごとの期待値を取る
    weights = logits.exp()
    return (weights * costs).total(1) * weights.total(1).power(-1)
    # --- broken
    # best = logits.data.argmax(1, keepdim=True)
    # return Array(costs.data[best])
    # <<< hole
