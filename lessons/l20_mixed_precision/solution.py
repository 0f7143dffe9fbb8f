"""Exercise 20: gradients in half precision. / 演習 20: 半精度の勾配"""

import torch


def scaled_gradients(loss, parameters, scale):
    """The gradients of loss in float32, by way of the loss multiplied by scale: a list, or None.

    None where an entry of the scaled gradients is not finite: that step has to be left out. The graph of loss is kept.
    損失を scale 倍して求めた loss の勾配を、float32 のリストで返す。
    スケールした勾配に有限でない成分があれば None を返す(そのステップは飛ばす)。loss の計算グラフは残す。
    """
    # >>> hole: scaled
    # en: multiply the loss, not the gradient; and divide where small numbers are not rounded to 0 again
    # ja: 勾配ではなく損失を大きくする。割るのは、小さい数がまた 0 に丸められない型にしてから
    found = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
    if not all(bool(one.isfinite().all()) for one in found):
        return None
    return [one.float() / scale for one in found]
    # --- broken
    # found = torch.autograd.grad(loss, parameters, retain_graph=True)
    # return [one.float() for one in found]
    # <<< hole


def underflowed(loss, parameters, scale=65536.0):
    """How many entries of the gradient are 0 as it is, and are not with the loss multiplied by scale: an int.

    An entry that is 0 either way is a true 0 and does not count. The graph of loss is kept.
    勾配の成分のうち、そのままでは 0 で、損失を scale 倍すると 0 でなくなるものの個数(int)。
    どちらでも 0 の成分は本当の 0 なので数えない。loss の計算グラフは残す。
    """
    # >>> hole: underflowed
    # en: a 0 is no proof of an underflow; a larger loss tells them apart
    # ja: 0 だけではアンダーフローとは言えない。損失を大きくすると区別できる
    plain = torch.autograd.grad(loss, parameters, retain_graph=True)
    larger = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
    return sum(int(((a == 0) & (b != 0)).sum()) for a, b in zip(plain, larger, strict=True))
    # --- broken
    # plain = torch.autograd.grad(loss, parameters, retain_graph=True)
    # return sum(int((a == 0).sum()) for a in plain)
    # <<< hole


def next_scale(scale, good, finite, interval=2000):
    """The scale of the next step, and how many good steps in a row there have been since it last changed.

    Gradients that are not finite halve the scale. After interval good steps in a row it is doubled.
    good: how many there were before this step. finite: whether the gradients of this step are.
    次のステップのスケールと、前にスケールが変わってから続いている「勾配が有限なステップ」の数を、組で返す。
    有限でない勾配が出たら、スケールを半分にする。有限なステップが interval 回続いたら、2 倍にする。
    good はこのステップより前に続いた回数、finite はこのステップの勾配が有限かどうか。
    """
    # >>> hole: next
    # en: what has changed begins to be counted anew; this step counts too
    # ja: 変えたら数え直す。このステップも数に入る
    if not finite:
        return scale / 2, 0
    if good + 1 == interval:
        return scale * 2, 0
    return scale, good + 1
    # --- broken
    # if not finite:
    #     return scale / 2, good
    # return scale, good + 1
    # <<< hole


def train_step(loss_of, parameters, optimizer, scaler, max_norm=1.0):
    """One step in mixed precision, with the gradient clipped to max_norm: gives its norm before clipping, as a float.

    loss_of() computes the loss. Gradients that were there before play no part. Where a gradient is not finite no
    weight moves, and the scale becomes smaller.
    混合精度で 1 ステップ学習する。勾配のノルムは max_norm 以下にクリッピングし、クリッピング前のノルムを float で返す。
    loss_of() が損失を計算する。前から残っている勾配は使わない。
    有限でない勾配があれば、重みは動かさず、スケールを小さくする。
    """
    # >>> hole: step
    # en: the limit is meant for the gradient itself, not for one that is still multiplied by the scale
    # ja: 上限は、まだスケールの掛かっている勾配ではなく、勾配そのものに対するもの
    optimizer.zero_grad()
    scaler.scale(loss_of()).backward()
    scaler.unscale_(optimizer)
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    scaler.step(optimizer)
    scaler.update()
    return norm.item()
    # --- broken
    # optimizer.zero_grad()
    # scaler.scale(loss_of()).backward()
    # norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    # scaler.step(optimizer)
    # scaler.update()
    # return norm.item()
    # <<< hole
