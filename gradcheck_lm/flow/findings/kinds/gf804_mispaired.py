"""GF804 mispaired: a loss holds predictions against targets of other samples, or of other positions."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
inputs = torch.randn(32, 4)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs_in_turn = iter(DataLoader(inputs, batch_size=8, shuffle=True))
labels_in_turn = iter(DataLoader(inputs.argmax(1) % 3, batch_size=8, shuffle=True))


def step():
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(next(inputs_in_turn)), next(labels_in_turn)).backward()
    optimizer.step()
"""
INSTEAD = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.randn(32, 4)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
pairs = iter(DataLoader(TensorDataset(inputs, inputs.argmax(1) % 3), batch_size=8, shuffle=True))


def step():
    features, labels = next(pairs)
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(features), labels).backward()
    optimizer.step()
"""

KIND = Kind(
    code="GF804",
    name="mispaired",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "targets that belong elsewhere",
        "対応のずれた目標値",
    ),
    about=about(
        Text(
            "The loss holds predictions against targets of other samples, or of other positions.",
            "損失が、予測を別のサンプルや別の位置の目標値と比べています。",
        ),
        Text(
            "draw what belongs together in one batch: one data set that gives (input, target), one loader",
            "対になるものは 1 つのバッチで取り出す: (入力, 目標値) を返す 1 つのデータセットと 1 つのローダー",
        ),
        Text(
            "what is computed once and kept for later is found again by the sample's number, not by the batch's",
            "一度計算して取っておくものは、バッチの番号ではなくサンプルの番号で引く",
        ),
    ),
    causes=(
        Cause(
            "two_loaders",
            Text(
                "This loader and the one that gives the inputs are shuffled each in its own way: what {loss} at {line} "
                "takes as targets belongs to other samples than its predictions.",
                "このローダーと入力を返すローダーは別々にシャッフルされています。{line} の {loss} が受け取る目標値は、"
                "予測とは別のサンプルのものです。",
            ),
            (
                Text(
                    "one loader for both: DataLoader(TensorDataset(inputs, targets), shuffle=True)",
                    "両方を 1 つのローダーにする: DataLoader(TensorDataset(inputs, targets), shuffle=True)",
                ),
                Text(
                    "where they have to be two: shuffle=False, or a generator of the same seed for each",
                    "2 つに分けるなら shuffle=False とするか、それぞれに同じシードの generator を渡す",
                ),
            ),
        ),
        Cause(
            "two_passes",
            Text(
                "This loader was gone through twice and gave its samples in another order: at {line} {loss} holds "
                "predictions of one pass against what was computed in the other.",
                "このローダーは 2 回走査され、サンプルの順序が違います。{line} の {loss} は、一方の回の予測を、"
                "もう一方の回で計算したものと比べています。",
            ),
            (
                Text(
                    "compute both for the same batch, inside the loop",
                    "ループの中で、同じバッチに対して両方を計算する",
                ),
                Text(
                    "or keep what is computed by the sample's number: a data set that gives (number, input, target)",
                    "または、計算したものをサンプルの番号で保存する: (番号, 入力, 目標値) を返すデータセット",
                ),
                Text(
                    "shuffle=False where the order has to be the same",
                    "同じ順序が必要なら shuffle=False",
                ),
            ),
        ),
        Cause(
            "not_shifted",
            Text(
                "The target of each position is the very token that is read there: {loss} is small once the input is "
                "copied, and nothing is learnt of what comes next.",
                "各位置の目標値が、その位置で読むトークンそのものです。入力を写すだけで {loss} は小さくなり、次に来る"
                "ものは何も学習されません。",
            ),
            (
                Text(
                    "move on by one: cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())",
                    "1 つずらす: cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())",
                ),
                Text(
                    "to fill gaps (masked language models): replace tokens by a mask in the input, and give a target "
                    "to those alone",
                    "穴埋め(マスク言語モデル)なら、入力でトークンをマスクに置き換え、その位置だけに目標値を与える",
                ),
            ),
        ),
        Cause(
            "ratio_at_start",
            Text(
                "The weights are those by which the old log-probabilities were computed, at {old}, so this ratio is 1 "
                "everywhere if both are of the same: it is {low} to {high}. The actions or observations that are kept "
                "are others than those that were drawn and seen, or dropout and norms run in another mode.",
                "{old} で古い対数確率を計算したときと重みは同じなので、両方が同じものについての値なら、この比はすべて "
                "1 になります。実際は {low} から {high} です。保存した行動や観測が、実際の行動や観測と違うか、"
                "ドロップアウトや正規化層のモードが違います。",
            ),
            (
                Text(
                    "keep the very action whose log-probability is kept, and clip or scale only what the environment "
                    "is given",
                    "対数確率を計算した行動そのものを保存し、範囲の制限や拡大縮小は環境に渡す値だけに行う",
                ),
                Text(
                    "assert torch.allclose(ratio, torch.ones_like(ratio), atol=1e-4) in the first pass after a rollout",
                    "ロールアウト直後の最初の更新で assert torch.allclose(ratio, torch.ones_like(ratio), atol=1e-4)",
                ),
            ),
        ),
        Cause(
            "shifted_twice",
            Text(
                "The targets are the input tokens moved on by two places: they were moved on before, and {loss} is "
                "given them moved on again. Each position learns the token after the next, and the first token is "
                "learnt nowhere.",
                "目標値は入力トークンを 2 つずらしたものです。すでにずらしてあるものを、{loss} に渡すときにもう一度"
                "ずらしています。各位置は次の次のトークンを学習し、最初のトークンはどこでも学習されません。",
            ),
            (
                Text(
                    "shift once: where the inputs are the labels moved to the right, cross_entropy(logits, labels) as "
                    "they are",
                    "ずらすのは 1 回だけ: 入力がラベルを右にずらしたものなら、cross_entropy(logits, labels) を"
                    "そのまま使う",
                ),
                Text(
                    "models of transformers shift by themselves: give them labels that are the input_ids, unshifted",
                    "transformers のモデルは自分でずらす: labels には input_ids をずらさずに渡す",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no gradient is cut here: it teaches the answers of other samples",
            "ここで勾配は切れていません。別のサンプルの答えを学習させています",
        )
    ),
    severity="warning",
    asked_by="run",
    example=EXAMPLE,
    instead=INSTEAD,
)
