"""Exercise 1: does this term of the loss teach anything? / 演習 1: この項は学習に効いているか

Three small functions that any training loop could use. At the moment they trust what proves nothing.
どの学習ループでも使える三つの小さな関数です。いまは、信じてはいけないものを信じています。
"""

import torch


def term_gradients(term, parameters):
    """The gradient of one loss term in each parameter: a list of tensors, zeros where none arrives.

    It must not touch the parameters' own .grad, and it must not stop at a term that has no graph.
    損失の一つの項の、各パラメータについての勾配をリストで返す。届かないところは 0 のテンソルにする。
    パラメータの .grad を変えてはいけない。計算グラフのない項でもエラーにしない。
    """
    parameters = list(parameters)
    # >>> hole: gradients
    # en: ask autograd for the gradients without writing into .grad; None means that none arrives
    # ja: .grad に書き込まずに勾配を求める。None は「届かない」という意味
    if not term.requires_grad:
        return [torch.zeros_like(parameter) for parameter in parameters]
    found = torch.autograd.grad(term, parameters, allow_unused=True, retain_graph=True)
    return [
        torch.zeros_like(parameter) if gradient is None else gradient
        for parameter, gradient in zip(parameters, found, strict=True)
    ]
    # --- broken
    # term.backward(retain_graph=True)
    # return [parameter.grad for parameter in parameters]
    # <<< hole


def teaches(term, parameters):
    """True if the term sends a gradient that is not zero to at least one parameter, and NaN or infinity to none.

    少なくとも一つのパラメータに 0 でない勾配が届き、NaN や無限大がどこにも届かなければ True を返す。
    """
    # >>> hole: verdict
    # en: requires_grad proves nothing; look at the gradients themselves: a single NaN spoils the update
    # ja: requires_grad は何の証拠にもならない。勾配そのものを見る。NaN は一つでも更新を壊す
    found = term_gradients(term, parameters)
    if not all(bool(gradient.isfinite().all()) for gradient in found):
        return False
    return any(bool(gradient.ne(0).any()) for gradient in found)
    # --- broken
    # return term.requires_grad
    # <<< hole


def weight_is_ignored(total_loss, parameters, weights=(0.0, 1.0, 100.0)):
    """True if not one bit of the gradient changes with the weight of the penalty.

    total_loss(weight) computes the whole loss anew.
    ペナルティの重みを変えても勾配が 1 ビットも変わらなければ True を返す。
    total_loss(weight) は、呼ぶたびに損失全体を計算し直す。
    """
    # >>> hole: bits
    # en: compare the gradients bit by bit, not the values of the loss
    # ja: 損失の値ではなく、勾配を 1 ビットずつ比べる
    parameters = list(parameters)
    first, *others = [term_gradients(total_loss(weight), parameters) for weight in weights]
    return all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))
    # --- broken
    # first, *others = [total_loss(weight) for weight in weights]
    # return all(torch.allclose(first, other) for other in others)
    # <<< hole
