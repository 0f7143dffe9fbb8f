"""Exercise 17: finite gradients. / 演習 17: 有限な勾配"""

import torch


def distance(a, b):
    """The Euclidean distance of each row: a and b (..., D) give (...). Where two rows are equal, its gradient is 0.

    行ごとのユークリッド距離: a と b (..., D) から (...) を返す。二つの行が等しい所では、勾配を 0 とする。
    """
    # TODO distance: the derivative of a root at 0 is infinite, and infinity times 0 is NaN: keep 0 away from the root
    #                平方根の微分は 0 で無限大で、無限大と 0 の積は NaN になる。0 を平方根に渡さない
    return (a - b).square().sum(-1).sqrt()
    # END distance


def entropy(probabilities):
    """-sum of p * log(p) in nats along the last axis, where 0 * log(0) is 0; (..., C) gives (...).

    The gradient is -log(p) - 1 where p > 0; where p is exactly 0 it is infinite in mathematics, and 0 here.
    最後の軸についての -Σ p log p (nats)。0 log 0 は 0 とする。(..., C) から (...) を返す。
    勾配は p > 0 で -log(p) - 1。p がちょうど 0 の所では数学的には無限大だが、ここでは 0 とする。
    """
    # TODO entropy: a mask behind the logarithm does not help: put another number in before it is taken
    #               対数の後でマスクしても効かない。対数を取る前に、別の数に置き換える
    return -torch.where(probabilities > 0, probabilities * probabilities.log(), 0.0).sum(-1)
    # END entropy


def first_not_finite(stages, value):
    """The name of the stage whose backward pass first makes a gradient that is not finite; None if none does.

    stages: list of (name, function) in the order of the computation; each takes a tensor and returns a tensor. The
    gradient of the sum of the last stage's output goes backward through them, from the last to the first.
    逆伝播で最初に有限でない勾配を作る段の名前を返す。なければ None。
    stages は計算の順に並んだ (名前, 関数) のリスト。最後の段の出力の和の勾配を、最後の段から最初の段へ逆向きに流す。
    """
    # TODO first: backward goes from the last stage to the first: keep each stage's input and output, and ask one at a time
    #             逆伝播は最後の段から始まる。段ごとに入力と出力を取っておき、一段ずつ勾配を求める
    for name, stage in stages:
        leaf = value.detach().requires_grad_()
        value = stage(leaf)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        if not bool(gradient.isfinite().all()):
            return name
    return None
    # END first
