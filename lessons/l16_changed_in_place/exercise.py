"""Exercise 16: without writing into what others need. / 演習 16: ほかで使われる値を書き換えない"""

import torch


def who_writes(tensors, action):
    """Call action(): the names of the tensors that it wrote to in place, through views and .data too.

    tensors: dict of name -> tensor, finite numbers; the names come in its order. Writing the same numbers through the
    tensor or a view counts as well (it counts the version up); through .data only a change of numbers can be seen.
    action() を呼び、その中で書き換えられたテンソルの名前を、辞書の順にリストで返す。ビューや .data
    を通した書き換えも含む。
    同じ値を書いた場合も、テンソル自身やビューを通していれば(バージョンが増えるので)含む。.data を通した書き換えは、
    値が変わったときだけ分かる。
    """
    # TODO writes: the version counts what autograd knows of; .data goes behind its back, and only the numbers tell
    #              バージョンで分かるのは autograd が知っている書き換えだけ。.data による書き換えは、値を比べないと分からない
    before = {name: one._version for name, one in tensors.items()}
    action()
    return [name for name, one in tensors.items() if one._version > before[name] + 1]
    # END writes


def gated_residual(x, gate):
    """sigmoid(gate) * x + x, of the same shape; neither argument is written to, and both get their gradient.

    sigmoid(gate) * x + x を返す。どちらの引数も書き換えず、どちらにも勾配が届く。
    """
    # TODO residual: sigmoid keeps its output, and a product keeps both factors
    #                sigmoid は出力を、掛け算は両方の因数を保存している
    out = torch.sigmoid(gate)
    out *= x
    out += x
    return out
    # END residual


def mask_scores(scores, allowed, value=-1e9):
    """The scores where allowed, and `value` elsewhere; scores are not written to, and where masked the gradient is 0.

    scores (..., L), allowed: bool, of the same shape or one that broadcasts to it.
    allowed が True の所は scores、それ以外は value。scores は書き換えない。マスクした所の勾配は 0。
    allowed は bool で、scores と同じ形か、それにブロードキャストできる形。
    """
    # TODO mask: an assignment to an index writes into the caller's tensor
    #            添字への代入は、呼び出し側のテンソルを書き換える
    scores[~allowed.expand_as(scores)] = value
    return scores
    # END mask


def moving_average(average, new, decay=0.99):
    """decay * average + (1 - decay) * new, written into `average` itself, which stays the same tensor without a graph.

    new may have a graph: nothing of it is kept, and what was computed from it before can still go backward.
    decay * average + (1 - decay) * new を、average 自身に書き込む。average は同じテンソルのままで、
    計算グラフを持たない。
    new には計算グラフがあってよいが、それを average に残さない。
    """
    # TODO average: here writing in place is meant; without no_grad, each step's graph would hang on the one before
    #               ここでは、その場で書き換えるのが目的。no_grad がないと、毎回のグラフが前の回につながっていく
    average = decay * average + (1 - decay) * new
    # END average
