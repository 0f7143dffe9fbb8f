"""Exercise 24: what is copied is added up. / 演習 24: コピーしたものは足し合わされる"""

import torch


def actor_loss(log_p, returns, values):
    """The mean of -log_p * (returns - values), (): each of the three is (N,) or (N, 1). Other shapes are a ValueError.

    The difference is a constant: returns and values get no gradient.
    -log_p * (returns - values) の平均 ()。三つはそれぞれ (N,) か (N, 1)。それ以外の形なら ValueError。
    差は定数として扱い、returns と values には勾配を流さない。
    """
    # TODO actor: one shape for all three, before anything is subtracted or multiplied
    #             引いたり掛けたりする前に、三つの形をそろえる
    return -(log_p * (returns - values).detach()).mean()
    # END actor


def masked_mean(values, mask):
    """The mean over the entries of values that count, (): mask is of bool, its shape the first axes of that of values.

    values (N, T, C) with a mask (N, T) counts C entries where the mask is True; any other shape is a ValueError.
    Entries that do not count get a gradient of exactly 0, and may be infinite or NaN. Where none counts it is 0.
    数える要素の平均 ()。mask は bool で、その形は values の先頭の軸と同じ。それ以外の形なら ValueError。
    values が (N, T, C)、mask が (N, T) なら、mask が True の場所ごとに C 個を数える。
    数えない要素の勾配はちょうど 0 で、その値は無限大や NaN でもよい。数える要素がなければ 0 を返す。
    """
    # TODO masked: the mask lines up from the left, broadcasting from the right; and 0 times infinity is not 0
    #              マスクは左端から、ブロードキャストは右端からそろう。また、0 に無限大を掛けても 0 にはならない
    return (values * mask).sum() / mask.sum()
    # END masked


def attend(scores, values, padding):
    """Attention over the keys that are no padding: scores (N, Q, K), values (N, K, D), padding (N, K) -> (N, Q, D).

    padding is True where a key is none. It gets a weight of 0, and its score and value a gradient of 0. Where all keys
    of a sample are padding its result is 0, with gradients of 0.
    パディングでないキーに対する注意機構。padding (N, K) は、キーがパディングのとき True。
    パディングの重みは 0 で、そのスコアと値の勾配も 0。あるサンプルのキーがすべてパディングなら、
    結果は 0、勾配も 0 とする。
    """
    # TODO attend: it fits by chance where N is Q; and a softmax over nothing but -inf is NaN
    #              N と Q が同じだと、たまたま形が合ってしまう。また、-inf だけの softmax は NaN になる
    return scores.masked_fill(padding, float("-inf")).softmax(-1) @ values
    # END attend


def per_sample(loss_of, weight, count):
    """The gradient at weight of each of count samples: (count, *weight.shape). Their sum is the gradient of the weight.

    loss_of takes weights (count, *weight.shape), one copy for each sample, and gives the sum of the samples' losses.
    サンプルごとの重みの勾配 (count, *weight.shape)。その和が、重みの勾配になる。
    loss_of は、サンプルごとに一つのコピーを並べた重み (count, *weight.shape) を受け取り、損失の和を返す。
    """
    # TODO samples: at the weight itself the gradients are summed already; ask where the copies are
    #               重みそのものの場所では、もう足し合わされている。コピーの場所で求める
    leaf = weight.detach().requires_grad_()
    (summed,) = torch.autograd.grad(loss_of(leaf.expand(count, *leaf.shape)), leaf)
    return summed.expand(count, *summed.shape) / count
    # END samples
