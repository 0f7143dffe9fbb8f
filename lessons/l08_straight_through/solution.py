"""Exercise 8: straight-through, and how to prove it. / 演習 8: STE と、その正しい確かめ方"""

import torch
import torch.nn.functional as F


def straight_through(hard, soft):
    """The value of hard, to the bit, with the gradient of soft alone; both have the same shape.

    値は hard と 1 ビットも違わず、勾配は soft だけのもの。二つの形は同じ。
    """
    # >>> hole: straight_through
    # en: a right gradient, and a value that is off in the last bits: where are the brackets to stand?
    # ja: 勾配は正しいが、値が最後の数ビットで違う。かっこをどこに置けばよいか
    return hard.detach() + (soft - soft.detach())
    # --- broken
    # return soft + (hard - soft).detach()
    # <<< hole


class OneHot(torch.autograd.Function):
    """logits (..., C) to one-hot letters (..., C); backward, as if it had been a softmax.

    順伝播では logits (..., C) から one-hot の文字 (..., C) を、逆伝播では softmax だったときの勾配を返す。
    """

    @staticmethod
    def forward(ctx, logits):
        ctx.save_for_backward(logits.softmax(-1))
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)

    @staticmethod
    def backward(ctx, grad):
        """From the gradient at the output to that at the logits. / 出力での勾配から、ロジットでの勾配を求める。"""
        # >>> hole: backward
        # en: the softmax sends back soft * (grad - what grad is on average under soft)
        # ja: softmax は soft * (grad - soft で重みをつけた grad の平均) を返す
        (soft,) = ctx.saved_tensors
        return soft * (grad - (soft * grad).sum(-1, keepdim=True))
        # --- broken
        # (soft,) = ctx.saved_tensors
        # return soft * 0 * grad
        # <<< hole


def surrogate_at(score, logits):
    """The function whose gradient straight-through gives at these logits: it takes logits (L, C), and gives ().

    score takes letters (L, C) and gives ().
    このロジットでの STE の勾配を、自分の勾配として持つ関数を返す。logits (L, C) から () を返す関数である。
    score は文字 (L, C) から () を返す。
    """
    # >>> hole: surrogate
    # en: measure the slope of the score at the hard letters, keep it fixed, and let only the softmax move
    # ja: スコアの勾配をハードな文字で求めて固定し、softmax だけを動かす
    letters = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype).requires_grad_()
    (slope,) = torch.autograd.grad(score(letters), letters)
    return lambda moved: (slope * moved.softmax(-1)).sum()
    # --- broken
    # return lambda moved: score(moved.softmax(-1))
    # <<< hole


def is_right(estimator, hard, surrogate, logits):
    """True only if the estimator has hard's value to the bit, AND a path, AND a gradient that is not zero, AND the
    surrogate's, entry by entry, as near as torch.allclose asks; and the surrogate itself passes gradcheck.
    All three functions take logits and give (); logits is a float64 leaf that requires grad.
    推定量の値が hard と 1 ビットも違わず、経路があり、勾配が 0 でなく、代理の関数の勾配と要素ごとに(torch.allclose の
    精度で)一致し、代理の関数自身が gradcheck に合格するときにだけ True を返す。
    三つの関数は logits から () を返す。logits は requires_grad が True の float64 の葉テンソル。
    """
    # >>> hole: is_right
    # en: the estimator itself must fail gradcheck; compare its gradient with the surrogate's, which must pass
    # ja: 推定量そのものは gradcheck に落ちてよい。勾配は、gradcheck に合格する代理の関数の勾配と比べる
    value = estimator(logits)
    if not value.requires_grad or not torch.equal(value.detach(), hard(logits).detach()):
        return False
    (found,) = torch.autograd.grad(value, logits, allow_unused=True)
    if found is None or not bool(found.ne(0).any()):
        return False
    (right,) = torch.autograd.grad(surrogate(logits), logits)
    checked = torch.autograd.gradcheck(surrogate, (logits,), raise_exception=False)
    return checked and torch.allclose(found, right)
    # --- broken
    # return torch.autograd.gradcheck(estimator, (logits,), raise_exception=False)
    # <<< hole
