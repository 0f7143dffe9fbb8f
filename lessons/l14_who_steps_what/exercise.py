"""Exercise 14: who steps what. / 演習 14: 誰が何を更新するか

A gradient that arrives changes nothing by itself: an optimizer must hold the very tensor, and step it.
届いた勾配は、それだけでは何も変えません。オプティマイザがそのテンソル自身を持ち、更新しなければなりません。
"""

import torch


def held(optimizers):
    """The tensors that some optimizer holds, by identity: a set of id(tensor). / 持っているテンソルの id の集合"""
    return {id(one) for optimizer in optimizers for group in optimizer.param_groups for one in group["params"]}


def not_held(loss, tensors, optimizers):
    """The names of those tensors that get a gradient other than zero from the loss and that no optimizer holds.

    tensors: dict of name -> leaf tensor. The names come in the order of the dict; .grad and the graph are left alone.
    損失から 0 でない勾配が届くのに、どのオプティマイザも持っていないテンソルの名前を、辞書の順にリストで返す。
    tensors は名前 -> 葉テンソルの辞書。.grad と計算グラフは変えない。
    """
    # TODO not_held: a leaf may be frozen or unused; equal numbers do not make two tensors the same
    #                凍結された葉や使われない葉もある。値が等しくても、同じテンソルとは限らない
    known = [one for optimizer in optimizers for group in optimizer.param_groups for one in group["params"]]
    return [name for name, one in tensors.items() if not any(one.equal(other) for other in known[:1])]
    # END not_held


def stale(model, optimizers):
    """How many tensors the optimizers hold that are no parameter of the model, each counted once.

    オプティマイザが持っているテンソルのうち、モデルのパラメータでないものの個数(同じものは一度だけ数える)。
    """
    # TODO stale: compare the tensors themselves, in every group of every optimizer
    #             すべてのオプティマイザのすべてのグループについて、テンソルそのものを比べる
    return sum(len(list(model.parameters())) != len(one.param_groups[0]["params"]) for one in optimizers)
    # END stale


def never_moved(tensors, step):
    """Call step(), one whole training step: the names of the tensors that have the same bits afterwards.

    tensors: dict of name -> tensor; the names come in its order.
    1 回の学習ステップ step() を呼び、その前後で 1 ビットも変わらなかったテンソルの名前を、辞書の順にリストで返す。
    """
    # TODO moved: a step writes into the tensors in place; what is to be compared with afterwards must be a copy
    #             step はテンソルをその場で書き換える。あとで比べるものは、コピーでなければならない
    before = {name: one.detach() for name, one in tensors.items()}
    step()
    return [name for name, one in tensors.items() if torch.equal(one.detach(), before[name])]
    # END moved


def replace_head(model, new, optimizer):
    """Put `new` in the place of model.head; the optimizer goes on with the new parameters in place of the old ones.

    The old head's parameters all lie in one group: the new ones go there, with its options. What the optimizer kept
    about the old ones is forgotten; everything else in it stays.
    model.head を new に取り替え、オプティマイザでも、古いパラメータの代わりに新しいパラメータを更新するようにする。
    古いヘッドのパラメータは一つのグループに入っている。新しいものは、同じ設定のまま、そのグループに入れる。
    古いものについてオプティマイザが覚えていたことは消し、ほかは何も変えない。
    """
    # TODO replace: assigning the new head is not enough: the optimizer holds tensors, not names
    #               新しいヘッドを代入するだけでは足りない。オプティマイザが持っているのは名前ではなくテンソルである
    model.head = new
    optimizer.add_param_group({"params": list(new.parameters())})
    # END replace
