"""Exercise 18: losses of what was meant. / 演習 18: 意図したとおりの損失"""

import torch
import torch.nn.functional as F


def compares_all_pairs(one, other):
    """Whether an entry-by-entry operation on these two shapes compares entries all with all.

    That is so where both shapes are spread: the result has more entries than either. Two tuples of ints that fit.
    この二つの形の要素ごとの演算が、要素どうしを総当たりで比べるかどうか。
    結果の要素数が、どちらの形よりも多いときに True を返す。形は int のタプルで、ブロードキャストできる。
    """
    # >>> hole: pairs
    # en: spreading one side alone is often meant (a bias, a mask); both sides at once hardly ever
    # ja: 片方だけを広げるのは、よくある使い方(バイアスやマスク)。両方が同時に広がるのは、まず意図しない
    result = torch.broadcast_shapes(one, other).numel()
    return result > torch.Size(one).numel() and result > torch.Size(other).numel()
    # --- broken
    # return one != other
    # <<< hole


def mean_square(prediction, target):
    """The mean square error, (): each of the two is (N,) or (N, 1). Any other pair of shapes is a ValueError.

    二乗誤差の平均 ()。prediction と target はそれぞれ (N,) か (N, 1)。それ以外の組み合わせなら ValueError。
    """
    # >>> hole: square
    # en: bring both to one shape before anything is subtracted, and refuse what has another number of entries
    # ja: 引き算の前に形をそろえる。個数の違うものは受け付けない
    for one in (prediction, target):
        if one.ndim not in (1, 2) or one.shape[1:] not in ((), (1,)) or len(one) != len(prediction):
            raise ValueError(f"mean_square of the shapes {tuple(prediction.shape)} and {tuple(target.shape)}")
    return (prediction.reshape(-1) - target.reshape(-1)).square().mean()
    # --- broken
    # return (prediction - target).square().mean()
    # <<< hole


def masked_cross_entropy(logits, labels, ignore=-100):
    """The mean cross-entropy over the places whose label counts: logits (N, L, C), labels (N, L) -> ().

    Where no label counts it is 0, with a gradient of 0 and not NaN: such a batch teaches nothing, and spoils nothing.
    ラベルが ignore でない場所についての、クロスエントロピーの平均 ()。
    すべて ignore なら値は 0、勾配も NaN ではなく 0 とする。そのようなバッチからは何も学習せず、何も壊さない。
    """
    # >>> hole: masked
    # en: a mean over no places is 0 / 0; the classes are the last axis, and F.cross_entropy wants them second
    # ja: 0 か所の平均は 0 / 0 になる。クラスは最後の軸にあるが、F.cross_entropy では二番目の軸に置く
    total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignore, reduction="sum")
    return total / max(1, int((labels != ignore).sum()))
    # --- broken
    # return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignore)
    # <<< hole


def nats_of_probabilities(probabilities, labels):
    """The mean of -log p of the right classes: probabilities (N, C), all greater than 0, labels (N,) -> ().

    The model's last layer has normalised them already.
    正しいクラスの -log p の平均 ()。probabilities (N, C) はモデルの最後の層で正規化されていて、どれも 0 より大きい。
    """
    # >>> hole: nats
    # en: cross_entropy takes logits, and would normalise once more
    # ja: cross_entropy が受け取るのはロジットで、もう一度正規化してしまう
    return F.nll_loss(probabilities.log(), labels)
    # --- broken
    # return F.cross_entropy(probabilities, labels)
    # <<< hole
