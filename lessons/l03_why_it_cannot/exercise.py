"""Exercise 3: slopes of staircases, and a check that is not deceived. / 演習 3: 階段の傾きと、だまされない検査"""

import torch


def central_difference(function, point, direction, step):
    """The slope of `function` at `point` along `direction`: a float.

    function takes a tensor and returns one number; point is left as it is.
    `point` での、`direction` の向きの `function` の傾きを float で返す。
    function はテンソルを受け取り、一つの数を返す。point は書き換えない。
    """
    # TODO difference: go the same way up and down, and divide by the whole distance; do not move the point itself
    #                  同じ幅だけ前後に動き、全体の幅で割る。元の点は書き換えない
    before = function(point)
    point += step * direction
    return float(function(point) - before) / step
    # END difference


def edge_of_step(function, point, direction, far=16.0, rounds=60):
    """How far one can go along `direction` until `function` changes: the edge, to within rounding.

    There is at most one edge up to `far`. None if the function is still the same there. Any change counts, however
    small; the edge is found to `far` / 2 ** rounds.
    `direction` の向きに、どこまで進むと `function` の値が変わるか。その距離(段の角)を返す。
    `far` までの間に角は高々一つ。`far` でも値が同じなら None。どんなに小さな変化も変化とみなす。
    精度は `far` / 2 ** rounds。
    """
    # TODO edge: keep halving: the edge lies between a distance where nothing has changed and one where it has
    #            半分に分けていく。角は「まだ同じ」距離と「もう違う」距離の間にある
    start = float(function(point))
    for round in range(rounds):
        distance = far * round / rounds
        if float(function(point + distance * direction)) != start:
            return distance
    return None
    # END edge


def honest_gradcheck(function, point):
    """True only if a path leads to point, AND the gradient is not zero, AND it has the right value.

    point is a float64 tensor that requires grad. Never raises because of a wrong gradient: it returns False.
    point まで経路があり、勾配が 0 でなく、値も正しいときにだけ True を返す。
    point は requires_grad が True の float64 のテンソル。勾配が間違っていてもエラーにせず、False を返す。
    """
    # TODO honest: torch's gradcheck looks at values only; ask for the path and for zero before it
    #              torch の gradcheck は値しか見ない。その前に、経路があるか、0 でないかを調べる
    return torch.autograd.gradcheck(function, (point,), raise_exception=False)
    # END honest


# What does `gradcheck(f, x) == True` prove by itself? / それだけで何の証明になるか
#   "a": a gradient arrives at x / 勾配が x に届く
#   "b": f has the slope that autograd gives, and where autograd gives none, finite differences are 0
#        / autograd の勾配は有限差分と一致する。勾配がないときは、有限差分が 0 である
#   "c": f can be trained by gradient descent / f は勾配降下で学習できる
# TODO proves: choose a letter
#              記号を一つ選ぶ
TRUE_PROVES = "a"
# END proves
