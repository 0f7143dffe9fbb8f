"""Exercise 8: straight-through, and how to prove it. / 演習 8: 直進推定と、その正しい確かめ方"""

import torch
import torch.nn.functional as F


def straight_through(hard, soft):
    """The value of hard, to the bit, with the gradient of soft alone; both have the same shape."""
    # TODO straight_through: a right gradient, and a value that is off in the last bits: where are the brackets to stand?
    #                        勾配は正しいが、値が最後の数ビットで違う。かっこをどこに置けばよいか
    return soft + (hard - soft).detach()
    # END straight_through


class OneHot(torch.autograd.Function):
    """logits (..., C) to one-hot letters (..., C); backward, as if it had been a softmax."""

    @staticmethod
    def forward(ctx, logits):
        ctx.save_for_backward(logits.softmax(-1))
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)

    @staticmethod
    def backward(ctx, grad):
        """From the gradient at the output to that at the logits."""
        # TODO backward: the softmax sends back soft * (grad - what grad is on average under soft)
        #                softmax は soft * (grad - soft で重みをつけた grad の平均) を返す
        (soft,) = ctx.saved_tensors
        return soft * 0 * grad
        # END backward


def surrogate_at(score, logits):
    """The function whose gradient straight-through gives at these logits: it takes logits (L, C), and gives ().

    score takes letters (L, C) and gives ().
    """
    # TODO surrogate: measure the slope of the score at the hard letters, keep it fixed, and let only the softmax move
    #                 スコアの傾きを硬い文字の所で測って固定し、softmax だけを動かす
    return lambda moved: score(moved.softmax(-1))
    # END surrogate


def is_right(estimator, hard, surrogate, logits):
    """True only if the estimator has hard's value to the bit, AND a path, AND a gradient that is not zero, AND the
    surrogate's. All three functions take logits and give (); logits is a float64 leaf that requires grad.
    """
    # TODO is_right: the estimator itself must fail gradcheck; hold its gradient against the surrogate's, which must pass
    #                推定量そのものは gradcheck に落ちてよい。勾配は、gradcheck に合格する代理の関数の勾配と比べる
    return torch.autograd.gradcheck(estimator, (logits,), raise_exception=False)
    # END is_right
