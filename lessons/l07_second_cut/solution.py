"""Exercise 7: from frames to letters without the second cut. / 演習 7: 二つ目の切れ目なしで、フレームから文字へ

Class 0 is CTC's blank. The collapse: neighbouring frames of the same class are one letter, then the blanks go.
クラス 0 は CTC のブランクです。縮約では、となり合う同じクラスを一つの文字にまとめてから、ブランクを取り除きます。
"""

import torch


def segments(path):
    """Which letter each frame belongs to: path (T,) classes gives (T,) places 0, 1, 2, …; -1 for blanks.

    各フレームが何番目の文字に属するか: path (T,) のクラスから (T,) の番号 0、1、2… を返す。ブランクは -1。
    """
    # >>> hole: segments
    # en: a letter starts where the class is no blank and differs from the frame before; blanks belong to none
    # ja: 文字は、ブランクでなく、一つ前のフレームと違うクラスの所で始まる。ブランクはどの文字にも属さない
    starts = path != 0
    starts[1:] &= path[1:] != path[:-1]
    return torch.where(path != 0, starts.cumsum(0) - 1, -1)
    # --- broken
    # _, place = torch.unique_consecutive(path, return_inverse=True)
    # return place
    # <<< hole


def soft_letters(logits):
    """A distribution over the C - 1 letters for each letter of the reading: logits (T, C) give (L, C - 1).

    It is the mean, over the frames of the letter, of the probabilities without the blank. The segments are those of
    the greedy path, and stay fixed.
    読みの各文字についての、C - 1 種類の文字の分布: logits (T, C) から (L, C - 1) を返す。
    文字に属するフレームについて、ブランクを除いた確率を平均する。区切りは貪欲なパスのもので、固定する。
    """
    # >>> hole: letters
    # en: integers may decide which frames belong together; the numbers themselves must stay probabilities
    # ja: 整数は、どのフレームをまとめるかを決めるだけにする。中身の数は確率のままにしておく
    place = segments(logits.argmax(-1))
    kept = place >= 0
    posteriors = logits[kept, 1:].softmax(-1)
    letters = int(place.max()) + 1
    sums = posteriors.new_zeros(letters, posteriors.shape[1]).index_add(0, place[kept], posteriors)
    return sums / torch.bincount(place[kept], minlength=letters)[:, None]
    # --- broken
    # runs = torch.unique_consecutive(logits.argmax(-1))
    # return torch.nn.functional.one_hot(runs[runs != 0] - 1, logits.shape[1] - 1).to(logits.dtype)
    # <<< hole


def cutting_stages(stages, value):
    """The names of all stages that let no gradient through, also of those behind the first one.

    stages: list of (name, function) in the order of the computation; each takes a tensor and returns a tensor.
    Asked at `value` and at what the stages make of it. Exactly 0 in every entry is a cut; a small gradient is none.
    勾配を通さない段の名前を、最初の切断の後ろのものも含めて、すべてリストで返す。
    stages は計算の順に並んだ (名前, 関数) のリスト。関数はテンソルからテンソルを返す。
    調べる点は `value` と、そこから各段が作る値。すべての要素がちょうど 0 なら切断、小さいだけなら切断ではない。
    """
    # >>> hole: stages
    # en: behind the first cut nothing requires grad, so give every stage a fresh leaf; and exactly 0 is a cut too
    # ja: 最初の切れ目の後ろでは何も requires_grad を持たない。段ごとに新しい葉を渡す。ちょうど 0 も切断とみなす
    cutting = []
    for name, stage in stages:
        leaf = value.detach().clone().requires_grad_()
        value = stage(leaf)
        found = None
        if value.requires_grad:
            weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).view_as(value)
            (found,) = torch.autograd.grad((value * weights).sum(), leaf, allow_unused=True)
        if found is None or not bool(found.ne(0).any()):
            cutting.append(name)
    return cutting
    # --- broken
    # value = value.detach().clone().requires_grad_()
    # for name, stage in stages:
    #     value = stage(value)
    #     if not value.requires_grad:
    #         return [name]
    # return []
    # <<< hole
