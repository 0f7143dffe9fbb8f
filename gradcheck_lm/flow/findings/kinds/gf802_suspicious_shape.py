"""GF802 suspicious_shape: a loss over all pairs, softmax before a loss that wants logits, all labels ignored."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
inputs = torch.randn(8, 4)
targets = torch.randn(8)


def loss():
    return (model(inputs) - targets).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
inputs = torch.randn(8, 4)
targets = torch.randn(8)


def loss():
    return (model(inputs).squeeze(-1) - targets).square().mean()
"""

KIND = Kind(
    code="GF802",
    name="suspicious_shape",
    since="0.2.0",
    lesson="l18_shapes_in_losses",
    heading=Text("shapes or values that a loss hardly wants", "損失に渡すには疑わしい形や値"),
    about=about(
        Text(
            "The loss is computed without an error, and very likely not of what was meant: its arguments do not fit "
            "each other.",
            "損失はエラーなく計算されますが、意図したものではない可能性がとても高いです。引数が互いに合っていません。",
        ),
        Text("print the shapes of both arguments: they should be equal", "両方の引数の形を表示する: 等しいはず"),
        Text(
            "give cross_entropy and the ..._with_logits losses the logits themselves",
            "cross_entropy や ..._with_logits の損失にはロジットをそのまま渡す",
        ),
    ),
    causes=(
        Cause(
            "broadcast",
            Text(
                "{left} against {right} broadcasts to {result}: every prediction is compared with every target.",
                "{left} と {right} は {result} にブロードキャストされます。"
                "すべての予測がすべての目標と比べられています。",
            ),
            (
                Text(
                    "prediction.squeeze(-1), or target.unsqueeze(-1): one shape for both",
                    "prediction.squeeze(-1) または target.unsqueeze(-1) で形をそろえる",
                ),
            ),
        ),
        Cause(
            "with_itself",
            Text(
                "{function} holds a tensor against itself: what comes out is the same whatever the tensor is, and "
                "teaches nothing.",
                "{function} は同じテンソルどうしを比べています。値が何でも結果は変わらず、何も学習されません。",
            ),
            (
                Text(
                    "keep a copy to hold it against, as list(model.parameters()) is none: tensor.detach().clone()",
                    "比べる相手はコピーして取っておく: tensor.detach().clone()(list(model.parameters()) は違う)",
                ),
            ),
        ),
        Cause(
            "softmax_twice",
            Text(
                "{loss} takes logits and applies a softmax itself, and what enters has gone through {function} at "
                "{line}.",
                "{loss} はロジットを受け取り自分で softmax を行いますが、入力は {line} の {function} を通っています。",
            ),
            (
                Text(
                    "drop the {function}, and use it for showing probabilities alone",
                    "{function} を外し、確率を表示するときだけ使う",
                ),
                Text("or nll_loss after log_softmax", "または log_softmax の後に nll_loss を使う"),
            ),
        ),
        Cause(
            "sigmoid_twice",
            Text(
                "{loss} takes logits and applies a sigmoid itself, and what enters has gone through {function} at "
                "{line}.",
                "{loss} はロジットを受け取り自分で sigmoid を行いますが、入力は {line} の {function} を通っています。",
            ),
            (
                Text(
                    "drop the {function}, or use binary_cross_entropy",
                    "{function} を外すか、binary_cross_entropy を使う",
                ),
            ),
        ),
        Cause(
            "softmax_layer",
            Text(
                "What this gives goes into {loss} at {line}, which takes logits and applies a softmax itself.",
                "この出力は {line} の {loss} に渡されますが、それはロジットを受け取り自分で softmax を行います。",
            ),
            (
                Text(
                    "leave it out of the network, and use {function} for showing probabilities alone",
                    "これをネットワークから外し、{function} は確率を表示するときだけ使う",
                ),
                Text(
                    "or nn.LogSoftmax here and nll_loss there",
                    "またはここを nn.LogSoftmax にして、損失を nll_loss にする",
                ),
            ),
        ),
        Cause(
            "sigmoid_layer",
            Text(
                "What this gives goes into {loss} at {line}, which takes logits and applies a sigmoid itself.",
                "この出力は {line} の {loss} に渡されますが、それはロジットを受け取り自分で sigmoid を行います。",
            ),
            (
                Text(
                    "leave it out of the network, or use binary_cross_entropy",
                    "これをネットワークから外すか、binary_cross_entropy を使う",
                ),
            ),
        ),
        Cause(
            "relu_layer",
            Text(
                "What this layer gives goes into {loss} at {line}, which takes logits of any sign: those below zero "
                "are cut off here and learn nothing.",
                "この層の出力は {line} の {loss} に渡されます。それは正負どちらのロジットも受け取りますが、負のものは"
                "ここで切り落とされ、何も学習しません。",
            ),
            (Text("no activation after the last layer", "最後の層の後に活性化関数を置かない"),),
        ),
        Cause(
            "no_log_probabilities",
            Text(
                "{loss} wants log-probabilities, and what enters is what {function} gave at {line}: the loss has no "
                "bound below, and a smaller one means nothing.",
                "{loss} は対数確率を受け取りますが、入力は {line} の {function} の出力です。"
                "損失に下限がなく、小さくなっても意味がありません。",
            ),
            (
                Text("log_softmax(logits, dim=-1) before it", "その前に log_softmax(logits, dim=-1) を入れる"),
                Text("or cross_entropy on the logits themselves", "またはロジットに cross_entropy を使う"),
            ),
        ),
        Cause(
            "relu_before",
            Text(
                "{loss} takes logits of any sign, and what enters has gone through {function} at {line}: those below "
                "zero are cut off and learn nothing.",
                "{loss} は正負どちらのロジットも受け取りますが、入力は {line} の {function} を通っています。"
                "負のものは切り落とされ、何も学習しません。",
            ),
            (Text("no activation after the last layer", "最後の層の後に活性化関数を置かない"),),
        ),
        Cause(
            "sum_before_mask",
            Text(
                "{function} makes one number of {shape}, and at {line} that is multiplied by a mask of {mask}: the "
                "mask leaves out nothing of it, and each of its entries counts the whole again.",
                "{function} は {shape} を 1 つの数にし、{line} でそれに {mask} のマスクが掛けられています。マスク"
                "は何も除外せず、マスクの要素ごとに全体が数え直されます。",
            ),
            (
                Text(
                    "sum only what lies behind the mask's axes: x.sum(dim=-1), so that {mask} is left, then the mask",
                    "マスクの軸より後ろだけを合計する: x.sum(dim=-1) などで {mask} を残し、それからマスクを掛ける",
                ),
                Text(
                    "or the mask first, and the sum over everything after it",
                    "または、先にマスクを掛け、その後で全体を合計する",
                ),
            ),
        ),
        Cause(
            "sum_beside_each",
            Text(
                "{function} makes one number of a value for each sample, and at {line} that is added to another value "
                "for each, of {shape}: every sample is given the total of all, and the total counts once for each.",
                "{function} はサンプルごとの値を 1 つの数にまとめ、{line} ではそれがサンプルごとの別の値({shape})に加"
                "えられています。どのサンプルにも全体の合計が加わり、合計がサンプルの数だけ重く数えられます。",
            ),
            (
                Text(
                    "leave the value for each sample as it is, and reduce once, at the end",
                    "サンプルごとの値はそのままにし、最後に一度だけまとめる",
                ),
            ),
        ),
        Cause(
            "reduced_axis",
            Text(
                "{function} at {line} gives one number for each row of a square matrix, and a vector of {size} is laid "
                "along its columns: each row meets the numbers of all rows, in place of its own.",
                "{line} の {function} は正方行列の行ごとに 1 つの数を出しますが、長さ {size} のベクトルは列に沿って"
                "並べられます。各行は自分の数ではなく、すべての行の数と組み合わされます。",
            ),
            (Text("keepdim=True there, or vector[:, None] here", "そこで keepdim=True か、ここで vector[:, None]"),),
        ),
        Cause(
            "axis_of_one",
            Text(
                "{function} runs over axis {axis} of {shape}, which has one entry: each result is 1 whatever the "
                "scores are, and their gradient is exactly 0. At {line} the results are read along an axis of {count}.",
                "{function} は {shape} の軸 {axis} に沿って計算しますが、その軸には要素が 1 つしかありません。スコア"
                "が何であれ結果はすべて 1 になり、スコアの勾配は厳密に 0 です。{line} では結果を長さ {count} の軸に"
                "沿って読んでいます。",
            ),
            (
                Text(
                    "the axis along which the results are to add up to 1, most often dim=-1",
                    "合計を 1 にしたい軸を指定する(多くの場合 dim=-1)",
                ),
            ),
        ),
        Cause(
            "held_probabilities",
            Text(
                "{function} holds each of {count} probabilities, of the softmax at {line}, at {least} or above: "
                "that is {sum} together, of the 1 that they share. What lies below gets no gradient from the "
                "logarithm: a class that is to become likely is not pushed up.",
                "{function} は {line} の softmax が出した {count} 個の確率をそれぞれ {least} 以上に抑えています。"
                "合計すると {sum} になり、確率全体の 1 に対して大きすぎます。それより小さい確率には対数からの勾配が"
                "届かず、本来上がるべきクラスも上がりません。",
            ),
            (
                Text(
                    "log_softmax(logits, dim=-1) in place of softmax, clamp and log",
                    "softmax、clamp、log の代わりに log_softmax(logits, dim=-1) を使う",
                ),
                Text(
                    "or a bound that only keeps log(0) away: clamp(min=1e-8)",
                    "または log(0) を避けるだけの小さな下限にする: clamp(min=1e-8)",
                ),
            ),
        ),
        Cause(
            "all_ignored",
            Text(
                "{count} of {total} labels are the ignored one ({ignored}): next to nothing is learnt from this batch.",
                "{total} 個のラベルのうち {count} 個が無視される値({ignored})です。"
                "このバッチからはほとんど何も学習されません。",
            ),
            (
                Text(
                    "check how the labels are made: truncation often leaves the prompt alone",
                    "ラベルの作り方を確かめる: 切り詰めるとプロンプトだけが残ることが多い",
                ),
                Text("leave out samples without a label", "ラベルのないサンプルは飛ばす"),
            ),
        ),
        Cause(
            "several_numbers",
            Text(
                "backward() begins with one number: a loss of several has to be told what each of them counts.",
                "backward() は 1 つの数から始まります。複数の値を持つ損失では、それぞれの重みを渡す必要があります。",
            ),
            (
                Text("loss.mean() or loss.sum() before backward()", "backward() の前に loss.mean() または loss.sum()"),
                Text(
                    "loss.backward(gradient=weights of the loss's own shape)",
                    "loss.backward(gradient=損失と同じ形の重み)",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no gradient is cut here: it is one of another loss than was meant",
            "ここで勾配は切れていません。意図とは別の損失の勾配になっています",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
