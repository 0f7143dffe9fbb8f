"""Exercise 26: several ranks, one model. / 演習 26: 複数のランクで、一つのモデルを

Replicas of one model in this process stand for the ranks: the same architecture, the same weights at the start.
一つのプロセスの中のレプリカが、ランクの代わりになる。構造も最初の重みも同じである。
"""

import torch
from torch import nn


def average_gradients(replicas):
    """Put into .grad of every replica the mean over all ranks; afterwards each has a tensor of its own.

    A rank whose .grad is None did not use that parameter, and counts as 0. Where no rank used it, it stays None.
    どのレプリカの .grad も、全ランクについての平均にする。テンソルはレプリカごとに別のものとする。
    .grad が None のランクはそのパラメータを使わなかったのであり、0 として数える。どのランクも使わなければ None のまま。
    """
    # >>> hole: average
    # en: a mean over the ranks that took part is another one; and a tensor that two ranks share is changed for both
    # ja: 使ったランクだけの平均は、別の値になる。また、二つのランクが共有するテンソルは、一方を変えると両方が変わる
    for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
        gradients = [one.grad for one in parameters if one.grad is not None]
        for one in parameters:
            one.grad = sum(gradients) / len(replicas) if gradients else None
    # --- broken
    # for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
    #     gradients = [one.grad for one in parameters if one.grad is not None]
    #     mean = sum(gradients) / len(gradients) if gradients else None
    #     for one in parameters:
    #         one.grad = mean
    # <<< hole


def share_of_loss(losses, total, ranks):
    """What one rank calls backward() on, (): losses (n,) of its samples, of total samples on all ranks together.

    Averaged over the ranks it is the mean loss over all total samples, value and gradient, also where the ranks have
    different numbers of samples; n may be 0, for a rank that has run out of data.
    一つのランクが backward() を呼ぶ値 ()。losses (n,) はそのランクのサンプルの損失、total は全ランクのサンプルの総数。
    ランクについて平均すると、値も勾配も、全サンプルの損失の平均のものになる。ランクごとにサンプルの数が違ってもよく、
    データの尽きたランクでは n が 0 になる。
    """
    # >>> hole: share
    # en: every sample counts 1 / total; and the average will divide by the number of ranks once more
    # ja: どのサンプルも 1 / total に数える。平均のときに、ランクの数でもう一度割られる
    return losses.sum() * ranks / total
    # --- broken
    # return losses.mean()
    # <<< hole


def apart(replicas):
    """The names of the parameters and buffers that are not the same, to the bit, on all ranks: a list, in their order.

    全ランクで 1 ビットも違わない、とは言えないパラメータとバッファの名前のリスト。順序はモデルの中の順とする。
    """
    # >>> hole: apart
    # en: any rank may be the one that differs, and a small difference is one; running statistics are not parameters
    # ja: どのランクが違うかは分からない。小さな差も差である。移動平均(BatchNorm など)はパラメータではない
    first, *others = (replica.state_dict() for replica in replicas)
    return [name for name, one in first.items() if any(not torch.equal(one, other[name]) for other in others)]
    # --- broken
    # first, last = dict(replicas[0].named_parameters()), dict(replicas[-1].named_parameters())
    # return [name for name in first if not torch.allclose(first[name], last[name])]
    # <<< hole


def train_step(replicas, batches, loss_of, rate, limit):
    """One step of gradient descent on all ranks, equal to that of one model on all samples; whether it was taken.

    loss_of(replica, batch) gives the losses (n,) of its n = len(batch) samples. The gradient of the mean loss over all
    samples is clipped to the norm limit, and rate times it is subtracted. Where it is not finite nobody steps, and the
    result is False. Gradients from before do not count, and afterwards every .grad is None.
    全ランクでの勾配降下の 1 ステップ。全サンプルでの一つのモデルの更新と一致する。更新したかどうかを返す。
    loss_of(replica, batch) は、n = len(batch) 個のサンプルの損失 (n,) を返す。
    全サンプルの損失の平均の勾配を、ノルムが limit を超えないようにクリッピングし、rate 倍して引く。
    有限でなければ、どのランクも更新せず、False を返す。前から残っている勾配は数えない。
    最後に、すべての .grad を None にする。
    """
    # >>> hole: step
    # en: decide after the average: what all ranks share, all ranks judge alike
    # ja: 判断は平均したあとに行う。全ランクに共通の値なら、判断も共通になる
    total = sum(len(batch) for batch in batches)
    for replica, batch in zip(replicas, batches, strict=True):
        replica.zero_grad()
        share_of_loss(loss_of(replica, batch), total, len(replicas)).backward()
    average_gradients(replicas)
    for replica in replicas:
        norm = nn.utils.clip_grad_norm_(replica.parameters(), limit)
        with torch.no_grad():
            for one in replica.parameters():
                if one.grad is not None and norm.isfinite():
                    one -= rate * one.grad
        replica.zero_grad()
    return bool(norm.isfinite())
    # --- broken
    # for replica, batch in zip(replicas, batches, strict=True):
    #     replica.zero_grad()
    #     loss_of(replica, batch).mean().backward()
    #     norm = nn.utils.clip_grad_norm_(replica.parameters(), limit)
    # average_gradients(replicas)
    # for replica in replicas:
    #     with torch.no_grad():
    #         for one in replica.parameters():
    #             if one.grad is not None and norm.isfinite():
    #                 one -= rate * one.grad
    #     replica.zero_grad()
    # return bool(norm.isfinite())
    # <<< hole
