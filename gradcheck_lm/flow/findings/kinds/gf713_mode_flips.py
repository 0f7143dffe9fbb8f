"""GF713 mode_flips: evaluation left on, dropout on in evaluation, statistics learnt under no_grad."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(inputs) - targets).square().mean().item()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(8, 4)
targets = torch.randn(8, 3)


def step():
    model.train()
    optimizer.zero_grad()
    (model(inputs) - targets).square().mean().backward()
    optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(inputs) - targets).square().mean().item()
"""

KIND = Kind(
    code="GF713",
    name="mode_flips",
    since="0.2.0",
    lesson="l19_train_and_eval",
    heading=Text(
        "training in the wrong mode",
        "誤ったモードでの学習",
    ),
    about=about(
        Text(
            "A module that behaves differently in training and evaluation is in one mode in one training step and in "
            "the other in a later one.",
            "学習時と評価時で動作の異なるモジュールが、ある学習ステップと後の学習ステップで別のモードになっています。",
        ),
        Text(
            "model.train() at the beginning of each training step, model.eval() around each evaluation",
            "各学習ステップの始めに model.train()、評価の前後で model.eval()",
        ),
        Text(
            "functional dropout takes the mode as an argument: F.dropout(x, p, training=self.training)",
            "関数の dropout にはモードを渡す: F.dropout(x, p, training=self.training)",
        ),
    ),
    causes=(
        Cause(
            "left_in_eval",
            Text(
                "From here on {module} runs in eval mode, and backward() at {line} goes on as before: the "
                "model was set to eval(), for a validation perhaps, and not back to train().",
                "ここから {module} は評価モードで実行され、{line} の backward() はそれまでどおり続きます。検"
                "証などのために eval() にした後、train() に戻されていません。",
            ),
            (
                Text(
                    "model.train() after the evaluation, or at the beginning of each training step",
                    "評価の後、または各学習ステップの始めに model.train() を呼ぶ",
                ),
            ),
        ),
        Cause(
            "dropout_in_eval",
            Text(
                "{function} drops values though {module} is in evaluation mode: functional dropout does not know the "
                "module's mode.",
                "{module} は評価モードなのに {function} が値を落としています。関数の dropout "
                "はモジュールのモードを知りません。",
            ),
            (
                Text(
                    "F.dropout(x, p, training=self.training), or the module nn.Dropout",
                    "F.dropout(x, p, training=self.training) とするか、モジュール nn.Dropout を使う",
                ),
            ),
        ),
        Cause(
            "dropout_always",
            Text(
                "{function} in {module} is not told the module's mode: it drops values in evaluation as well.",
                "{module} の {function} にはモジュールのモードが渡されていません。評価時にも値を落とします。",
            ),
            (
                Text(
                    "F.dropout(x, p, training=self.training), or the module nn.Dropout",
                    "F.dropout(x, p, training=self.training) とするか、モジュール nn.Dropout を使う",
                ),
                Text(
                    "dropout_p=self.rate if self.training else 0.0 for scaled_dot_product_attention; "
                    "training=True where it is meant (Monte Carlo dropout)",
                    "scaled_dot_product_attention では dropout_p=self.rate if self.training else 0.0。"
                    "意図どおりなら(モンテカルロドロップアウト)training=True と書く",
                ),
            ),
        ),
        Cause(
            "statistics_without_gradient",
            Text(
                "{module} learns its statistics at {line} under no_grad, from a pass that trains nothing.",
                "{module} は {line} の no_grad の中で、学習に使わない順伝播から統計を更新しています。",
            ),
            (
                Text(
                    "model.eval() around passes that are not for training",
                    "学習用でない実行は model.eval() で囲む",
                ),
                Text(
                    "if they are meant to be learnt there (a target network, update_bn), there is no fault",
                    "そこで統計を集めるつもりなら(ターゲットネットワーク、update_bn)誤りではない",
                ),
            ),
        ),
        Cause(
            "train_in_evaluation",
            Text(
                "{module} is put into train mode here, under no_grad: what is evaluated after it drops values and "
                "takes the statistics of its own batch, and the norms learn from it.",
                "no_grad の中のこの行で {module} が学習モードになります。この後の評価ではドロップアウトが働き、"
                "そのバッチ自身の統計が使われ、正規化層がそこから統計を学びます。",
            ),
            (
                Text(
                    "take it out: model.eval() before the evaluation, model.train() after it",
                    "この行を除く: 評価の前に model.eval()、評価の後に model.train()",
                ),
                Text(
                    "if the statistics are meant to be learnt there (update_bn), there is no fault",
                    "そこで統計を学ぶつもりなら(update_bn)誤りではない",
                ),
            ),
        ),
        Cause(
            "statistics_left_behind",
            Text(
                "This line moves the parameters of a {module} towards those of the model that trains, and not the "
                "statistics of its norms: it runs in eval mode, where it reads them, and they are still 0 and 1 as "
                "they were made.",
                "この行は {module} のパラメータを学習中のモデルに近づけますが、正規化層の統計は更新しません。評価"
                "モードではその統計が使われますが、作られたときの 0 と 1 のままです。",
            ),
            (
                Text(
                    "copy the buffers as well: for one, two in zip(average.buffers(), model.buffers()): one.copy_(two)",
                    "バッファもコピーする: for one, two in zip(average.buffers(), model.buffers()): one.copy_(two)",
                ),
                Text(
                    "torch.optim.swa_utils.AveragedModel(model, use_buffers=True), or update_bn",
                    "torch.optim.swa_utils.AveragedModel(model, use_buffers=True)、または update_bn を使う",
                ),
                Text(
                    "or keep the average in training mode, so that it gathers statistics itself",
                    "または平均側を学習モードのままにして、自分で統計を集めさせる",
                ),
            ),
        ),
        Cause(
            "recurrent_in_eval",
            Text(
                "cuDNN keeps what the backward pass of an RNN needs in training mode alone, and the RNN was "
                "in eval mode.",
                "cuDNN が RNN の逆伝播に必要な値を保存するのは学習モードのときだけですが、この RNN は評価モー"
                "ドでした。",
            ),
            (
                Text(
                    "rnn.train() before the forward pass; dropout=0.0 where only that was to be off",
                    "順伝播の前に rnn.train() を呼ぶ。ドロップアウトだけ止めたいなら dropout=0.0",
                ),
                Text(
                    "torch.backends.cudnn.flags(enabled=False) around it",
                    "torch.backends.cudnn.flags(enabled=False) で囲む",
                ),
            ),
        ),
    ),
    severity="warning",
    asked_by="diagnose_step",
    example=EXAMPLE,
    instead=INSTEAD,
)
