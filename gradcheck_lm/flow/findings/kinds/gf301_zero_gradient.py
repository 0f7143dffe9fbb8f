"""GF301 zero_gradient: round and sign, dead relu, saturated clamp or softmax, a factor that is zero."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text
from gradcheck_lm.flow.operations.derivatives import words

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return (model(inputs) * 10).round().square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return (model(inputs) * 10).square().mean()
"""
_ENTERING = Text(
    "look at the values that enter: outside a clamp, below zero before a relu, one class in a softmax, a factor of 0",
    "入ってくる値を見る: clamp の範囲外、relu の手前で負、1 クラスだけの softmax、0 の因子",
)
_STRAIGHT = Text(
    "replace round, floor and sign by a straight-through form: x + (x.round() - x).detach()",
    "round・floor・sign を STE に置き換える: x + (x.round() - x).detach()",
)
_BOTH = Text(
    "print both: each input length has to be at least its target's, plus one for each doubled letter",
    "両方を表示する: 入力の長さは目標の長さ以上(同じ文字が続くところごとに 1 つ余分に)必要",
)
_FEW = Text(
    "if the frames really are so few: less stride or pooling before the loss",
    "本当にフレームが少ないなら、損失の前のストライドやプーリングを減らす",
)

KIND = Kind(
    code="GF301",
    name="zero_gradient",
    since="0.1.0",
    lesson="l04_three_illnesses",
    heading=Text("connected, and exactly zero", "つながっているが、勾配は厳密に 0"),
    about=about(
        Text(
            "Autograd passes a gradient here, and it is zero everywhere: the function is flat at these values.",
            "autograd はここに勾配を通しますが、どこでも 0 です。この値では関数が平らだからです。",
        ),
        _ENTERING,
        Text(
            "a soft form of the same function: softplus, sigmoid, leaky_relu, smooth clamp",
            "同じ関数の滑らかな形を使う: softplus、sigmoid、leaky_relu、滑らかな clamp",
        ),
        _STRAIGHT,
    ),
    causes=(
        Cause(
            "rounding",
            Text(
                "Rounding is a staircase: flat wherever it has a derivative, so autograd passes exactly zero.",
                "丸めは階段です。微分のあるところはどこも平らなので、autograd が通す勾配は厳密に 0 です。",
            ),
            (
                _STRAIGHT,
                Text(
                    "leave the rounding out of the loss and round only what is shown or stored",
                    "損失では丸めず、表示や保存の時だけ丸める",
                ),
                Text("for sign: torch.tanh(x / temperature)", "sign には torch.tanh(x / temperature)"),
            ),
            words("round floor ceil trunc fix sign sgn round_ floor_ ceil_ trunc_ fix_ sign_ sgn_ div divide angle"),
        ),
        Cause(
            "dead_relu",
            Text(
                "Every value that enters here lies on the flat side: below zero, or beyond the limit of the "
                "activation.",
                "入ってくる値がすべて平らな側にあります: 0 より小さいか、活性化関数の上限を超えています。",
            ),
            (
                Text(
                    "look at what makes them all negative: a bias far below zero, a learning rate that overshot, "
                    "inputs of the wrong scale",
                    "すべて負になる原因を見る: 大きく負のバイアス、大きすぎる学習率、入力の尺度の誤り",
                ),
                Text(
                    "an activation that is nowhere flat: leaky_relu, elu, softplus, gelu",
                    "平らなところのない活性化関数を使う: leaky_relu、elu、softplus、gelu",
                ),
                Text(
                    "for a hinge that is met by every sample there is nothing to learn: a larger margin or harder "
                    "samples",
                    "全サンプルがヒンジを満たしているなら学ぶものはない: マージンを大きくするか、難しいサンプルを使う",
                ),
            ),
            words("relu relu_ relu6 hardtanh hardtanh_ threshold threshold_ clamp_min clamp_min_ maximum"),
        ),
        Cause(
            "clamped",
            Text(
                "Every value that enters lies outside the limits, where clamp is flat.",
                "入ってくる値がすべて clamp の範囲の外にあり、そこでは平らです。",
            ),
            (
                Text(
                    "widen the limits, or bring the values inside them: scale, normalise, a smaller start",
                    "範囲を広げるか、値を範囲の中に入れる: 尺度、正規化、小さい初期値",
                ),
                Text(
                    "a limit that is nowhere flat: low + (high - low) * torch.sigmoid(x)",
                    "平らなところのない制限にする: low + (high - low) * torch.sigmoid(x)",
                ),
                Text(
                    "keep the clamped value forward, the gradient backward: x + (x.clamp(low, high) - x).detach()",
                    "順伝播は clamp した値、逆伝播は元の勾配: x + (x.clamp(low, high) - x).detach()",
                ),
            ),
            words("clamp clamp_ clip clip_ clamp_max clamp_max_ minimum"),
        ),
        Cause(
            "saturated",
            Text(
                "The values that enter are so large that this function is flat there: its derivative is exactly zero "
                "in this precision.",
                "入ってくる値が大きすぎて、この関数はそこで平らです。この精度では微分が厳密に 0 になります。",
            ),
            (
                Text(
                    "make the values that enter smaller: a smaller start, a normalisation before it, a higher "
                    "temperature",
                    "入ってくる値を小さくする: 小さい初期値、手前の正規化、高い温度",
                ),
                Text(
                    "a loss that takes the logits themselves: cross_entropy, binary_cross_entropy_with_logits",
                    "ロジットをそのまま受け取る損失を使う: cross_entropy、binary_cross_entropy_with_logits",
                ),
            ),
            words("sigmoid sigmoid_ tanh tanh_ hardsigmoid hardswish erf exp exp_ logsigmoid"),
        ),
        Cause(
            "one_class",
            Text(
                "A softmax over one class is 1 whatever enters, and one that is saturated is flat: its derivative is "
                "exactly zero.",
                "1 クラスだけの softmax は何が入っても 1 であり、飽和した softmax は平らです。微分は厳密に 0 です。",
            ),
            (
                Text(
                    "check the dim of the softmax: it must run over the classes, not over an axis of length 1",
                    "softmax の dim を確かめる: 長さ 1 の軸ではなくクラスの軸に沿って計算する",
                ),
                Text(
                    "with one output use sigmoid and binary_cross_entropy_with_logits",
                    "出力が 1 つなら sigmoid と binary_cross_entropy_with_logits を使う",
                ),
                Text(
                    "if it is saturated: a higher temperature, smaller logits, or log_softmax into the loss",
                    "飽和しているなら、高い温度、小さいロジット、または損失に log_softmax を使う",
                ),
            ),
            words("softmax log_softmax gumbel_softmax _softmax"),
        ),
        Cause(
            "zero_factor",
            Text(
                "What this value is multiplied by is all zero, so the gradient that passes is zero too.",
                "この値に掛けられるもう一方がすべて 0 なので、通る勾配も 0 です。",
            ),
            (
                Text(
                    "look at where the other factor became zero: its initialisation, a mask, a weight of 0 for the "
                    "term",
                    "もう一方の因子が 0 になった場所を見る: 初期値、マスク、項の重み 0",
                ),
                Text(
                    "of two factors that both start at zero neither can learn: start one of them at random (LoRA: A "
                    "random, B zero)",
                    "両方が 0 から始まる 2 つの因子はどちらも学習できない: 一方を乱数で初期化する(LoRA: A は乱数、B "
                    "は 0)",
                ),
            ),
            words("mul mul_ matmul mm bmm addmm baddbmm linear mv einsum dot __rmul__ multiply bilinear conv1d conv2d"),
        ),
        Cause(
            "weight_zero",
            Text(
                "The term is multiplied by the number 0: it is switched off, or not switched on yet.",
                "この項には数 0 が掛けられています。無効にされているか、まだ有効になっていません。",
            ),
            (
                Text(
                    "a term that comes in after some steps: nothing is to be done",
                    "何ステップか後に加わる項なら、何もしなくてよい",
                ),
                Text(
                    "if it should count from the beginning: look at where the number comes from, such as an option, "
                    "a schedule, a division of whole numbers",
                    "最初から効くはずなら、その数の出どころ(オプション、スケジュール、整数の割り算など)を調べる",
                ),
            ),
        ),
        Cause(
            "no_samples",
            Text(
                "What is computed with it is empty: nothing of this batch was routed here, so it has nothing to learn "
                "from.",
                "これを使った計算の結果は空です。このバッチからは何も割り当てられず、学習するものがありません。",
            ),
            (
                Text(
                    "for an expert that waits for its samples there is nothing to do; where it stays empty: a loss "
                    "that balances the load, noise on the gate",
                    "サンプルを待っているエキスパートならそのままでよい。空のままなら、負荷を均す損失を加えるか、"
                    "ゲートにノイズを加える",
                ),
                Text(
                    "where data was expected: look at the mask or index that selects it",
                    "データが来るはずなら、それを選ぶマスクやインデックスを調べる",
                ),
            ),
        ),
        Cause(
            "ctc_lengths",
            Text(
                "The numbers of frames that this line gives are smaller than the targets need: at {loss} every "
                "sample's CTC loss is infinite, and zero_infinity=True makes 0 of it and of its gradient.",
                "この行で求めたフレーム数は目標の長さに足りません。{loss} ではすべてのサンプルの CTC 損失が無限大に"
                "なり、zero_infinity=True がそれと勾配を 0 にしています。",
            ),
            (
                Text(
                    "the frames that leave a layer: (frames + 2 * padding - kernel) // stride + 1, layer by layer",
                    "層を出るフレーム数を層ごとに計算する: (frames + 2 * padding - kernel) // stride + 1",
                ),
                _BOTH,
                _FEW,
            ),
        ),
        Cause(
            "ctc_infinite",
            Text(
                "At {loss} all targets are longer than their frames: zero_infinity=True makes 0 of each infinite loss.",
                "{loss} ではどの目標もフレーム数より長く、無限大の損失を zero_infinity=True が 0 にしています。",
            ),
            (_BOTH, _FEW),
        ),
        Cause(
            "tensor_hook",
            Text(
                "A gradient that is not zero is sent to this tensor, and zero comes out of the hook on it.",
                "このテンソルには 0 でない勾配が送られますが、登録されたフックから出るのは 0 です。",
            ),
            (
                Text(
                    "look at what the hook returns: None leaves the gradient as it is, a tensor takes its place",
                    "フックの返り値を調べる: None なら勾配はそのまま、テンソルを返すとそれに置き換わる",
                ),
                Text(
                    "a mask of zeros, a scale of 0 or a threshold that nothing passes",
                    "すべて 0 のマスク、0 の倍率、何も超えないしきい値になっていないか確かめる",
                ),
            ),
        ),
        Cause(
            "no_line",
            Text(
                "No line that the recorder saw explains it: look at custom autograd.Functions, checkpoints, "
                "compiled regions and other threads on the way, which it cannot look into.",
                "記録された行の中に原因は見つかりませんでした。途中の自作の autograd.Function、チェックポイント、コ"
                "ンパイルされた区間、別のスレッドを調べてください(その中は記録できません)。",
            ),
            (
                _ENTERING,
                Text(
                    "check that a custom backward uses grad_output: gradcheck_lm.compare_gradients(fn, wrt)",
                    "自作の backward が grad_output を使っているか確かめる: gradcheck_lm.compare_gradients(fn, wrt)",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        how=Text(
            "the operation's value forward, the gradient of its input backward (straight-through)",
            "順伝播は演算の値、逆伝播は入力の勾配 (STE)",
        ),
        at_the_operation=True,
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
