"""Exercise 2: walk the graph, and name the place of the cut. / 演習 2: 計算グラフをたどり、切断の場所を見つける

A tensor's grad_fn is the operation that made it; an operation's next_functions are pairs (operation, number), where the
operation may be None. The operation AccumulateGrad has a `variable`: the leaf tensor.
テンソルの grad_fn は、そのテンソルを作った演算です。演算の next_functions は (演算, 番号) の組で、演算は None の
こともあります。AccumulateGrad という演算は variable を持ち、それが葉テンソルです。
"""

import torch


def reachable_leaves(loss):
    """All leaf tensors that backward() from this loss would reach: a list, each leaf once, in any order.

    A loss that is itself a leaf reaches itself; a loss without a graph reaches nothing.
    この損失の backward() が届くすべての葉テンソルを、一度ずつ、リストで返す(順序は問わない)。
    損失そのものが葉テンソルなら、それ自身に届く。計算グラフのない損失は、どこにも届かない。
    """
    # TODO walk: visit every operation once, in a loop: graphs have diamonds, and may be longer than Python's recursion
    #            どの演算も一度だけ、ループで訪れる。グラフにはひし形があり、再帰の上限より長いこともある
    def visit(function):
        if hasattr(function, "variable"):
            return [function.variable]
        return [leaf for before, _ in function.next_functions for leaf in visit(before)]

    return visit(loss.grad_fn)
    # END walk


def reaches(value, parameter):
    """True if a path leads from this value to the parameter; a value that is no tensor has no paths.

    この値からパラメータまで経路があれば True。テンソルでない値には経路がない。
    """
    # TODO reaches: compare leaves by `is`: tensors that hold the same numbers are not the same tensor
    #               葉テンソルは is で比べる。値が同じでも、同じテンソルとは限らない
    return value.requires_grad
    # END reaches


def first_cut(stages, parameter):
    """The name of the first stage from which no path leads to the parameter; None if every stage has one.

    stages: list of (name, value) in the order of the computation, the first closest to the parameter.
    パラメータへの経路がない最初の段の名前を返す。どの段にも経路があれば None。
    stages は計算の順に並んだ (名前, 値) のリストで、先頭がパラメータに一番近い。
    """
    # TODO first_cut: the first stage without a path is the cut; those behind it are only its consequences
    #                 経路のない最初の段が切断の場所。その後ろの段は、結果にすぎない
    for name, value in reversed(stages):
        if not reaches(value, parameter):
            return name
    return None
    # END first_cut
