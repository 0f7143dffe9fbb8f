"""Exercise 10: a policy gradient that is right on average, and quiet. / 演習 10: 平均が正しく、ノイズの少ない方策勾配

K samples of each of N lines; costs (K, N) are what the black box says of them: low is good. Class 0 is the blank.
N 行のそれぞれから K 個ずつサンプリングする。costs (K, N) はブラックボックスの答えで、小さいほどよい。
クラス 0 はブランク。
"""

import torch
import torch.nn.functional as F

from gradcheck_lm.htr.ctc import collapse_paths


def leave_one_out(costs):
    """A baseline for each sample: costs (K, N) give (K, N); it must not depend on the sample's own cost.

    各サンプルのベースライン: costs (K, N) から (K, N) を返す。サンプル自身のコストに依存してはいけない。
    """
    # TODO baseline: the mean over all samples has the sample itself in it, and that changes the mean of the gradient
    #                全部のサンプルの平均には自分自身が混ざる。すると勾配の平均が変わってしまう
    return costs.mean(0).expand_as(costs)
    # END baseline


def surrogate(log_prob, costs):
    """The loss whose gradient is the policy gradient: log_prob and costs (K, N) give ().

    It is the mean over the K samples, and the sum over the N lines; the costs count as numbers, without a gradient.
    勾配が方策勾配になる損失: log_prob と costs (K, N) から () を返す。
    K 個のサンプルについて平均し、N 行について足す。コストは勾配のないただの数として扱う。
    """
    # TODO surrogate: weigh log p, not p; what the sample costs is a plain number, less its baseline
    #                 重みをつけるのは p ではなく log p である。サンプルのコストは、ベースラインを引いたただの数として使う
    return (costs * log_prob.exp()).mean(0).sum()
    # END surrogate


def string_log_prob(logits, paths):
    """log p of the string that each path spells: logits (T, M, C) and paths (T, M) give (M,).

    It is the sum over all paths that spell it. collapse_paths(paths) gives the strings' classes (M, L), padded with 0,
    and their lengths (M,).
    それぞれのパスが綴る文字列の log p: logits (T, M, C) と paths (T, M) から (M,) を返す。
    その文字列になるすべてのパスについての和である。collapse_paths(paths) は、0 で埋めた文字列のクラス (M, L)
    と長さ (M,) を返す。
    """
    # TODO marginal: F.ctc_loss, for each string by itself, is minus this number
    #                F.ctc_loss を文字列ごとに求めると、この値の符号を変えたものになる
    return logits.log_softmax(-1).gather(2, paths[:, :, None])[:, :, 0].sum(0)
    # END marginal


def policy_gradient(score, logits, samples=4, generator=None):
    """One line's loss with the policy gradient: logits (T, C); score takes a list of classes and gives a float.

    Every random number comes from the generator, where one is passed.
    方策勾配を持つ、1 行の損失: logits は (T, C)。score はクラスのリストから float を返す。
    generator が渡されたら、乱数はすべてそれで生成する。
    """
    # TODO draw: the samples must come from the recogniser's own probabilities, and they must differ
    #            認識器自身の確率でサンプリングする。どれも同じでは、比べるものがない
    paths = logits.argmax(-1, keepdim=True).expand(-1, samples)
    # END draw
    ids, lengths = collapse_paths(paths)
    texts = [row[:length] for row, length in zip(ids.tolist(), lengths.tolist(), strict=True)]
    costs = torch.tensor([score(text) for text in texts], dtype=logits.dtype)
    log_prob = string_log_prob(logits[:, None].expand(-1, samples, -1), paths)
    return surrogate(log_prob[:, None], costs[:, None])
