"""Exercise 25: a quantiser that teaches everybody what is theirs. / 演習 25: それぞれに正しい勾配が届く量子化

z (..., D) is what the encoder gave; a codebook is (K, D), and rows (..., D) are rows of it, one for each z.
z (..., D) はエンコーダの出力。コードブックは (K, D)。
rows (..., D) は、z の一つ一つに対して選ばれたコードベクトル(コードブックの行)。
"""

import torch.nn.functional as F


def nearest(z, codebook):
    """The number of the row that is nearest to each z, by the length of the difference: (..., D), (K, D) -> (...).

    それぞれの z に一番近いコードベクトルの番号 (...)。近さは差の長さで測る。
    """
    # >>> hole: nearest
    # en: the largest product is not the smallest distance: a long row wins it from everywhere
    # ja: 内積が最大でも、距離が最小とは限らない。長いベクトルは、どこからでも内積が大きい
    return (z.unsqueeze(-2) - codebook).square().sum(-1).argmin(-1)
    # --- broken
    # return (z @ codebook.T).argmax(-1)
    # <<< hole


def pass_through(z, rows):
    """The value of rows, to the bit; the gradient that comes back reaches z as it is, and rows not at all.

    値は rows と 1 ビットも違わず、戻ってきた勾配はそのまま z に届く。rows には届かない。
    """
    # >>> hole: pass_through
    # en: right in mathematics, and off in the last bits; and what should be a constant here?
    # ja: 数式としては正しいが、最後の数ビットが違う。ここで定数なのは何か
    return rows.detach() + (z - z.detach())
    # --- broken
    # return rows + (z - z.detach())
    # <<< hole


def quantisation_loss(z, rows, beta):
    """The codebook term plus beta times the commitment term, each a mean of squares over all entries: one number, ().

    The codebook term moves the rows to z, and the commitment term moves z to the rows.
    コードブック損失に、コミットメント損失の beta 倍を足した値 ()。どちらも、全要素についての二乗の平均。
    コードブック損失は rows を z に近づけ、コミットメント損失は z を rows に近づける。
    """
    # >>> hole: terms
    # en: both have the same value; what stands inside detach() is the target, and the other side moves
    # ja: 値はどちらも同じ。detach() の中にあるほうが目標で、もう一方が動く
    return F.mse_loss(rows, z.detach()) + beta * F.mse_loss(z, rows.detach())
    # --- broken
    # return F.mse_loss(z, rows.detach()) + beta * F.mse_loss(rows, z.detach())
    # <<< hole


def residual_quantise(z, codebooks, beta):
    """Several stages, each of which quantises what those before it have left over: gives (passed, loss).

    passed has the value of the sum of all rows that were chosen, and the gradient of z; loss is the sum of the
    quantisation losses of the stages, in which z and each codebook move and the rows of earlier stages do not.
    何段もの量子化。各段は、それまでの段の残りを量子化する。(passed, loss) を返す。
    passed の値は選ばれたコードベクトルすべての和で、勾配は z に届く。loss は各段の quantisation_loss の和。
    そこで動くのは z と、その段のコードブックだけで、前の段のコードベクトルは動かない。
    """
    # >>> hole: residual
    # en: what is left over is z less constants; to subtract something that moves along with z leaves no gradient
    # ja: 残りは、z から定数を引いたもの。z と一緒に動くものを引くと、勾配がなくなる
    residual, total, loss = z, 0.0, 0.0
    for codebook in codebooks:
        rows = codebook[nearest(residual, codebook)]
        loss = loss + quantisation_loss(residual, rows, beta)
        residual, total = residual - rows.detach(), total + rows
    return pass_through(z, total), loss
    # --- broken
    # residual, total, loss = z, 0.0, 0.0
    # for codebook in codebooks:
    #     rows = codebook[nearest(residual, codebook)]
    #     loss = loss + quantisation_loss(residual, rows, beta)
    #     passed = pass_through(residual, rows)
    #     residual, total = residual - passed, total + passed
    # return total, loss
    # <<< hole
