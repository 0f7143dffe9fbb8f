"""Exercise 22: a backward of one's own, and gradients of gradients. / 演習 22: 自作の backward と、勾配の勾配"""

import torch
import torch.nn.functional as F


class RowLoss(torch.autograd.Function):
    """Cross entropy of each row: logits (N, C) and labels (N,) give (N,).

    行ごとの交差エントロピー: ロジット (N, C) とラベル (N,) から (N,)。
    """

    @staticmethod
    def forward(ctx, logits, labels):
        ctx.save_for_backward(logits, labels)
        ctx.gradient = logits.softmax(-1) - F.one_hot(labels, logits.shape[-1])
        return F.cross_entropy(logits, labels, reduction="none")

    @staticmethod
    def backward(ctx, grad_output):
        # TODO backward: one number comes in for each row; and what forward computed is a constant to a second derivative
        #                入ってくるのは、行ごとに一つの数。順伝播で計算した値は、二階微分では定数になる
        return ctx.gradient, None
        # END backward


def row_loss(logits, labels):
    """F.cross_entropy(logits, labels, reduction="none"), with a backward of its own: first and second derivatives.

    F.cross_entropy(logits, labels, reduction="none") と同じ値。自作の backward で、一階と二階の微分に対応する。
    """
    return RowLoss.apply(logits, labels)


def gradient_penalty(critic, points):
    """The mean over the points of (norm of critic's gradient at the point - 1) squared, to train critic with.

    critic gives one number for each of the points (N, ...), each by itself.
    各点での critic の勾配のノルムから 1 を引いて二乗し、点について平均したもの。critic の学習に使う。
    critic は点 (N, ...) のそれぞれに、ほかの点とは無関係に一つの数を返す。
    """
    # TODO penalty: the gradient itself is to be differentiated; and each point has a norm of its own
    #               勾配そのものを、さらに微分する。ノルムは点ごとに求める
    leaf = points.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(leaf).sum(), leaf)
    return (slope.norm() - 1).square()
    # END penalty


def hessian_times(loss, parameters, vectors):
    """The Hessian of loss times vectors, one tensor for each of the parameters; the graph of loss is kept.

    Zeros for a parameter whose gradient is constant. The Hessian itself is never made.
    loss のヘッセ行列とベクトルの積を、parameters と同じ形のテンソルのリストで返す。loss の計算グラフは残す。
    勾配が定数のパラメータには 0 を返す。ヘッセ行列そのものは作らない。
    """
    # TODO hessian: differentiate the product of the gradient and the vectors; a constant gradient has no graph
    #               勾配とベクトルの内積を、もう一度微分する。定数の勾配には計算グラフがない
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    return [a * b for a, b in zip(gradients, vectors, strict=True)]
    # END hessian


def is_right(function, x):
    """Whether the backward of function, from a tensor to a tensor, is that of its values at x (float64): True or False.

    Compared with central differences, to a relative 1e-4. No random state is changed.
    function(テンソルからテンソル)の backward が、x (float64) での値の変化と合っているかを、True か False で返す。
    中心差分と比べ、相対 1e-4 まで許す。乱数の状態は変えない。
    """
    # TODO test: with a 1 for each output a backward that ignores what comes in looks right
    #            どの出力にも 1 を渡すと、入ってくる勾配を無視する backward も正しく見える
    leaf = x.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf).sum(), leaf)
    slopes = torch.zeros(x.numel(), dtype=x.dtype)
    for place in range(x.numel()):
        step = torch.zeros(x.numel(), dtype=x.dtype)
        step[place] = 1e-6
        change = function(x + step.view(x.shape)) - function(x - step.view(x.shape))
        slopes[place] = change.detach().sum() / 2e-6
    return torch.allclose(found.flatten(), slopes, rtol=1e-4, atol=1e-7)
    # END test
