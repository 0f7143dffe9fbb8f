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
    # TODO gradients: ask autograd for the gradients without writing into .grad; None means that none arrives
    #                 .grad に書き込まずに勾配を求める。None は「届かない」という意味
    term.backward(retain_graph=True)
    return [parameter.grad for parameter in parameters]
    # END gradients


def teaches(term, parameters):
    """True if the term sends a gradient that is not zero to at least one parameter, and NaN or infinity to none.

    少なくとも一つのパラメータに 0 でない勾配が届き、NaN や無限大がどこにも届かなければ True を返す。
    """
    # TODO verdict: requires_grad proves nothing; look at the gradients themselves: a single NaN spoils the update
    #               requires_grad は何の証拠にもならない。勾配そのものを見る。NaN は一つでも更新を壊す
    return term.requires_grad
    # END verdict


def weight_is_ignored(total_loss, parameters, weights=(0.0, 1.0, 100.0)):
    """True if not one bit of the gradient changes with the weight of the penalty.

    total_loss(weight) computes the whole loss anew.
    ペナルティの重みを変えても勾配が 1 ビットも変わらなければ True を返す。
    total_loss(weight) は、呼ぶたびに損失全体を計算し直す。
    """
    # TODO bits: compare the gradients bit by bit, not the values of the loss
    #            損失の値ではなく、勾配を 1 ビットずつ比べる
    first, *others = [total_loss(weight) for weight in weights]
    return all(torch.allclose(first, other) for other in others)
    # END bits
