"""Exercise 24: what is copied is added up. / 演習 24: コピーしたものは足し合わされる"""

import torch


def actor_loss(log_p, returns, values):
    """The mean of -log_p * (returns - values), (): each of the three is (N,) or (N, 1). Other shapes are a ValueError.

    The difference is a constant: returns and values get no gradient.
    -log_p * (returns - values) の平均 ()。三つはそれぞれ (N,) か (N, 1)。それ以外の形なら ValueError。
    差は定数として扱い、returns と values には勾配を流さない。
    """
    # >>> hole: actor
    # en: one shape for all three, before anything is subtracted or multiplied
    # ja: 引いたり掛けたりする前に、三つの形をそろえる
    for one in (log_p, returns, values):
        if one.ndim not in (1, 2) or one.shape[1:] not in ((), (1,)) or len(one) != len(log_p):
            raise ValueError(f"actor_loss got {tuple(one.shape)}; it wants (N,) or (N, 1), the same N for all three")
    advantage = (returns.reshape(-1) - values.reshape(-1)).detach()
    return -(log_p.reshape(-1) * advantage).mean()
    # --- broken
    # return -(log_p * (returns - values).detach()).mean()
    # <<< hole


def masked_mean(values, mask):
    """The mean over the entries of values that count, (): mask is of bool, its shape the first axes of that of values.

    values (N, T, C) with a mask (N, T) counts C entries where the mask is True; any other shape is a ValueError.
    Entries that do not count get a gradient of exactly 0, and may be infinite or NaN. Where none counts it is 0.
    数える要素の平均 ()。mask は bool で、その形は values の先頭の軸と同じ。それ以外の形なら ValueError。
    values が (N, T, C)、mask が (N, T) なら、mask が True の場所ごとに C 個を数える。
    数えない要素の勾配はちょうど 0 で、その値は無限大や NaN でもよい。数える要素がなければ 0 を返す。
    """
    # >>> hole: masked
    # en: the mask lines up from the left, broadcasting from the right; and 0 times infinity is not 0
    # ja: マスクは左端から、ブロードキャストは右端からそろう。また、0 に無限大を掛けても 0 にはならない
    if mask.shape != values.shape[: mask.ndim]:
        raise ValueError(f"a mask of {tuple(mask.shape)} for values of {tuple(values.shape)}")
    spread = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim)).expand_as(values)
    total = torch.where(spread, values, torch.zeros_like(values)).sum()
    return total / max(1, int(spread.sum()))
    # --- broken
    # return (values * mask).sum() / mask.sum()
    # <<< hole


def attend(scores, values, padding):
    """Attention over the keys that are no padding: scores (N, Q, K), values (N, K, D), padding (N, K) -> (N, Q, D).

    padding is True where a key is none. It gets a weight of 0, and its score and value a gradient of 0. Where all keys
    of a sample are padding its result is 0, with gradients of 0.
    パディングでないキーに対する注意機構。padding (N, K) は、キーがパディングのとき True。
    パディングの重みは 0 で、そのスコアと値の勾配も 0。あるサンプルのキーがすべてパディングなら、
    結果は 0、勾配も 0 とする。
    """
    # >>> hole: attend
    # en: it fits by chance where N is Q; and a softmax over nothing but -inf is NaN
    # ja: N と Q が同じだと、たまたま形が合ってしまう。また、-inf だけの softmax は NaN になる
    spread = padding[:, None, :]
    lowest = torch.finfo(scores.dtype).min
    weights = scores.masked_fill(spread, lowest).softmax(-1).masked_fill(spread, 0.0)
    return weights @ values
    # --- broken
    # return scores.masked_fill(padding, float("-inf")).softmax(-1) @ values
    # <<< hole


def per_sample(loss_of, weight, count):
    """The gradient at weight of each of count samples: (count, *weight.shape). Their sum is the gradient of the weight.

    loss_of takes weights (count, *weight.shape), one copy for each sample, and gives the sum of the samples' losses.
    サンプルごとの重みの勾配 (count, *weight.shape)。その和が、重みの勾配になる。
    loss_of は、サンプルごとに一つのコピーを並べた重み (count, *weight.shape) を受け取り、損失の和を返す。
    """
    # >>> hole: samples
    # en: at the weight itself the gradients are summed already; ask where the copies are
    # ja: 重みそのものの場所では、もう足し合わされている。コピーの場所で求める
    copies = weight.detach().expand(count, *weight.shape).requires_grad_()
    return torch.autograd.grad(loss_of(copies), copies)[0]
    # --- broken
    # leaf = weight.detach().requires_grad_()
    # (summed,) = torch.autograd.grad(loss_of(leaf.expand(count, *leaf.shape)), leaf)
    # return summed.expand(count, *summed.shape) / count
    # <<< hole
