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
    # >>> hole: evaluate
    # en: each part has a mode of its own, and some are frozen on purpose; an error must not leave them changed
    # ja: モードは部品ごとにあり、わざと凍結した部品もある。エラーのときも、変えたままにしない
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            return float(measure(model(inputs)))
    finally:
        for part, training in modes:
            part.training = training
    # --- broken
    # model.eval()
    # return measure(model(inputs)).item()
    # <<< hole


def train_step(model, loss_of, optimizer, frozen=()):
    """One step: all parts in training mode, except those in `frozen` and their own parts, which evaluate. A float.

    loss_of(model) gives the loss; old gradients play no part. The modes stay so afterwards.
    1 ステップ学習し、損失を float で返す。`frozen` に挙げたモジュール(とその部品)だけは評価モードで、
    ほかはすべて学習モードで計算する。前から残っている勾配は使わない。モードはそのまま残る。
    """
    # >>> hole: step
    # en: train() is for everything below, frozen parts included; the order of the calls matters
    # ja: train() は、凍結した部品も含めてすべてに効く。呼ぶ順番が大切
    model.train()
    for part in frozen:
        part.eval()
    optimizer.zero_grad()
    loss = loss_of(model)
    loss.backward()
    optimizer.step()
    return loss.item()
    # --- broken
    # optimizer.zero_grad()
    # loss = loss_of(model)
    # loss.backward()
    # optimizer.step()
    # return loss.item()
    # <<< hole


def wavers(model, inputs):
    """Whether the model's evaluation depends on chance: False for one that gives the same bits each time.

    Every part is in its old mode afterwards; nothing is learned on the way, no statistics either.
    モデルの評価が偶然に左右されるかどうか。いつも同じビットを返すなら False。
    呼んだあと、どの部品も元のモードに戻る。途中で何も(統計も)学習しない。
    """
    # >>> hole: wavers
    # en: in training mode every dropout wavers, as it should; ask in evaluation mode, with the same input twice
    # ja: 学習モードなら、Dropout が揺れるのは当然。評価モードで、同じ入力を二度通して比べる
    outputs = []
    for _ in range(2):
        evaluate(model, inputs, lambda output: outputs.append(output) or 0.0)
    return not torch.equal(outputs[0], outputs[1])
    # --- broken
    # return not torch.equal(model(inputs), model(inputs))
    # <<< hole


class Block(nn.Module):
    """A linear layer behind a dropout that drops values in training, and none in evaluation.

    線形層と Dropout。値を落とすのは学習モードのときだけ。
    """

    def __init__(self, width, rate=0.5):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.rate = rate

    def forward(self, x):
        # >>> hole: block
        # en: functional dropout does not know the module's mode
        # ja: 関数の dropout は、モジュールのモードを知らない
        return F.dropout(self.layer(x), self.rate, training=self.training)
        # --- broken
        # return F.dropout(self.layer(x), self.rate)
        # <<< hole
