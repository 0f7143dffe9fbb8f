"""Exercise 19: modes that are put back. / 演習 19: 元に戻すモード"""

import torch
import torch.nn.functional as F
from torch import nn


def evaluate(model, inputs, measure):
    """measure(model(inputs)) as a float, in evaluation mode and without a graph.

    Afterwards every part of the model is in the mode that it was in before, even where measure raises an error.
    評価モードで、計算グラフを作らずに求めた measure(model(inputs)) を float で返す。
    呼んだあと、モデルのどの部品も元のモードに戻る。measure がエラーを出したときも戻る。
    """
    # TODO evaluate: each part has a mode of its own, and some are frozen on purpose; an error must not leave them changed
    #                モードは部品ごとにあり、わざと凍結した部品もある。エラーのときも、変えたままにしない
    model.eval()
    return measure(model(inputs)).item()
    # END evaluate


def train_step(model, loss_of, optimizer, frozen=()):
    """One step: all parts in training mode, except those in `frozen` and their own parts, which evaluate. A float.

    loss_of(model) gives the loss; old gradients play no part. The modes stay so afterwards.
    1 ステップ学習し、損失を float で返す。`frozen` に挙げたモジュール(とその部品)だけは評価モードで、
    ほかはすべて学習モードで計算する。前から残っている勾配は使わない。モードはそのまま残る。
    """
    # TODO step: train() is for everything below, frozen parts included; the order of the calls matters
    #            train() は、凍結した部品も含めてすべてに効く。呼ぶ順番が大切
    optimizer.zero_grad()
    loss = loss_of(model)
    loss.backward()
    optimizer.step()
    return loss.item()
    # END step


def wavers(model, inputs):
    """Whether the model's evaluation depends on chance: False for one that gives the same bits each time.

    Every part is in its old mode afterwards; nothing is learned on the way, no statistics either.
    モデルの評価が偶然に左右されるかどうか。いつも同じビットを返すなら False。
    呼んだあと、どの部品も元のモードに戻る。途中で何も(統計も)学習しない。
    """
    # TODO wavers: in training mode every dropout wavers, as it should; ask in evaluation mode, with the same input twice
    #              学習モードなら、Dropout が揺れるのは当然。評価モードで、同じ入力を二度通して比べる
    return not torch.equal(model(inputs), model(inputs))
    # END wavers


class Block(nn.Module):
    """A linear layer behind a dropout that drops values in training, and none in evaluation.

    線形層と Dropout。値を落とすのは学習モードのときだけ。
    """

    def __init__(self, width, rate=0.5):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.rate = rate

    def forward(self, x):
        # TODO block: functional dropout does not know the module's mode
        #             関数の dropout は、モジュールのモードを知らない
        return F.dropout(self.layer(x), self.rate)
        # END block
