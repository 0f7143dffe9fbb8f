"""Exercise 1: does this term of the loss teach anything? / 演習 1: この項は何かを教えているか

Three small functions that any training loop could use. As they stand, they believe what cannot be believed.
どの学習ループでも使える三つの小さな関数です。いまは、信じてはいけないものを信じています。
"""

import torch


def term_gradients(term, parameters):
    """The gradient of one loss term in each parameter: a list of tensors, zeros where none arrives.

    It must not touch the parameters' own .grad, and it must not stop at a term that has no graph.
    """
    parameters = list(parameters)
    # TODO gradients: ask autograd for the gradients without writing into .grad; None means that none arrives
    #                 .grad に書き込まずに勾配を求める。None は「届かない」という意味
    term.backward(retain_graph=True)
    return [parameter.grad for parameter in parameters]
    # END gradients


def teaches(term, parameters):
    """True if the term sends a gradient that is not zero to at least one of the parameters."""
    # TODO verdict: requires_grad proves nothing; look at the gradients themselves
    #               requires_grad は何の証拠にもならない。勾配そのものを見る
    return term.requires_grad
    # END verdict


def weight_is_ignored(total_loss, parameters, weights=(0.0, 1.0, 100.0)):
    """True if not one bit of the gradient changes with the weight of the penalty.

    total_loss(weight) computes the whole loss anew.
    """
    # TODO bits: compare the gradients bit by bit, not the values of the loss
    #            損失の値ではなく、勾配を 1 ビットずつ比べる
    first, *others = [total_loss(weight) for weight in weights]
    return all(torch.allclose(first, other) for other in others)
    # END bits
