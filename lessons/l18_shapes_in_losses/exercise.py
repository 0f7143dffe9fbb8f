"""Exercise 18: losses of what was meant. / 演習 18: 意図したとおりの損失"""

import torch
import torch.nn.functional as F


def compares_all_pairs(one, other):
    """Whether an entry-by-entry operation on these two shapes compares entries all with all.

    That is so where both shapes are spread: the result has more entries than either. Two tuples of ints that fit.
    この二つの形の要素ごとの演算が、要素どうしを総当たりで比べるかどうか。
    結果の要素数が、どちらの形よりも多いときに True を返す。形は int のタプルで、ブロードキャストできる。
    """
    # TODO pairs: spreading one side alone is often meant (a bias, a mask); both sides at once hardly ever
    #             片方だけを広げるのは、よくある使い方(バイアスやマスク)。両方が同時に広がるのは、まず意図しない
    return one != other
    # END pairs


def mean_square(prediction, target):
    """The mean square error, (): each of the two is (N,) or (N, 1). Any other pair of shapes is a ValueError.

    二乗誤差の平均 ()。prediction と target はそれぞれ (N,) か (N, 1)。それ以外の組み合わせなら ValueError。
    """
    # TODO square: bring both to one shape before anything is subtracted, and refuse what has another number of entries
    #              引き算の前に形をそろえる。個数の違うものは受け付けない
    return (prediction - target).square().mean()
    # END square


def masked_cross_entropy(logits, labels, ignore=-100):
    """The mean cross-entropy over the places whose label counts: logits (N, L, C), labels (N, L) -> ().

    Where no label counts it is 0, with a gradient of 0 and not NaN: such a batch teaches nothing, and spoils nothing.
    ラベルが ignore でない場所についての、クロスエントロピーの平均 ()。
    すべて ignore なら値は 0、勾配も NaN ではなく 0 とする。そのようなバッチからは何も学習せず、何も壊さない。
    """
    # TODO masked: a mean over no places is 0 / 0; the classes are the last axis, and F.cross_entropy wants them second
    #              0 か所の平均は 0 / 0 になる。クラスは最後の軸にあるが、F.cross_entropy では二番目の軸に置く
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignore)
    # END masked


def nats_of_probabilities(probabilities, labels):
    """The mean of -log p of the right classes: probabilities (N, C), all greater than 0, labels (N,) -> ().

    The model's last layer has normalised them already.
    正しいクラスの -log p の平均 ()。probabilities (N, C) はモデルの最後の層で正規化されていて、どれも 0 より大きい。
    """
    # TODO nats: cross_entropy takes logits, and would normalise once more
    #            cross_entropy が受け取るのはロジットで、もう一度正規化してしまう
    return F.cross_entropy(probabilities, labels)
    # END nats
