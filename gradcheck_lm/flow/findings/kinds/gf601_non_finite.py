"""GF601 non_finite: NaN or infinity first appears here, in the backward pass or already in the forward one."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text
from gradcheck_lm.flow.operations.derivatives import words

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3, bias=False)
inputs = torch.zeros(2, 4)


def loss():
    return model(inputs).square().sum().sqrt()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
inputs = torch.ones(2, 4)


def loss():
    return (model(inputs).square().sum() + 1e-12).sqrt()
"""
_WHY = Text(
    "The gradient that enters is finite and the one that leaves is not: a derivative that explodes at these values.",
    "入ってくる勾配は有限なのに、出ていく勾配が有限ではありません。この値で微分が発散しています。",
)
_MASK = Text(
    "mask before the operation, not after it: torch.where keeps the NaN gradient of the branch not taken",
    "演算の後ではなく前でマスクする: torch.where は選ばれない側の NaN 勾配も通す",
)
_POLE = Text(
    "keep away from the pole: x.clamp_min(1e-12).sqrt(), log_softmax for log(softmax)",
    "特異点から離す: x.clamp_min(1e-12).sqrt()、log(softmax) の代わりに log_softmax",
)
_CTC = Text(
    "CTC: zero_infinity=True where a target is longer than its frames",
    "CTC: 目標がフレーム数より長いときは zero_infinity=True",
)

KIND = Kind(
    code="GF601",
    name="non_finite",
    since="0.1.0",
    lesson="l17_not_a_number",
    heading=Text("NaN or infinity first appears here", "ここで初めて NaN または無限大が現れる"),
    about=about(_WHY, _POLE, _MASK, _CTC),
    causes=(
        Cause(
            "root",
            _WHY,
            (
                Text(
                    "keep away from the pole at 0: (x + 1e-12).sqrt(), x.clamp_min(1e-12).sqrt()",
                    "0 での特異点から離す: (x + 1e-12).sqrt()、x.clamp_min(1e-12).sqrt()",
                ),
                Text(
                    "leave the root out: compare squared lengths",
                    "根号を使わず、長さの 2 乗を比べる",
                ),
                _MASK,
            ),
            words("sqrt sqrt_ rsqrt pow __pow__ norm vector_norm cdist std std_mean"),
        ),
        Cause(
            "logarithm",
            _WHY,
            (
                Text(
                    "log_softmax for log(softmax), logsigmoid for log(sigmoid), a loss that takes logits",
                    "log(softmax) には log_softmax、log(sigmoid) には logsigmoid、ロジットを受け取る損失を使う",
                ),
                Text("keep away from 0: x.clamp_min(1e-12).log()", "0 から離す: x.clamp_min(1e-12).log()"),
                _MASK,
            ),
            words("log log_ log2 log10 log1p logsumexp xlogy binary_cross_entropy kl_div logit"),
        ),
        Cause(
            "division",
            _WHY,
            (
                Text(
                    "keep the divisor away from 0: x / (y + 1e-12), x / y.clamp_min(1e-12)",
                    "除数を 0 から離す: x / (y + 1e-12)、x / y.clamp_min(1e-12)",
                ),
                Text(
                    "mask the divisor before dividing, not the quotient: torch.where keeps the NaN gradient of the "
                    "branch not taken",
                    "商ではなく、割る前に除数をマスクする: torch.where は選ばれない側の NaN 勾配も通す",
                ),
            ),
            words("div div_ divide true_divide __rdiv__ __rtruediv__ reciprocal"),
        ),
        Cause(
            "exponential",
            _WHY,
            (
                Text(
                    "keep the exponent small: subtract the largest value first, or x.clamp_max(80).exp()",
                    "指数を小さく保つ: 先に最大値を引くか、x.clamp_max(80).exp()",
                ),
                Text(
                    "torch.logsumexp, torch.softmax and softplus do this themselves",
                    "torch.logsumexp、torch.softmax、softplus は自分でこれを行う",
                ),
            ),
            words("exp exp_ exp2 expm1 sinh cosh"),
        ),
        Cause(
            "arc",
            _WHY,
            (
                Text(
                    "keep away from -1 and 1, where the derivative has no bound: x.clamp(-1 + 1e-6, 1 - 1e-6).acos()",
                    "微分が発散する -1 と 1 から離す: x.clamp(-1 + 1e-6, 1 - 1e-6).acos()",
                ),
                Text(
                    "torch.atan2(sine, cosine) for the angle between vectors",
                    "ベクトルの間の角度には torch.atan2(sine, cosine)",
                ),
            ),
            words("acos asin acosh atanh arccos arcsin arccosh arctanh erfinv"),
        ),
        Cause(
            "masked",
            _WHY,
            (
                Text(
                    "a softmax over scores that are all -inf is NaN: leave one key unmasked in every row, or drop such "
                    "rows",
                    "すべて -inf のスコアに対する softmax は NaN になる: どの行にもマスクしないキーを 1 つ残すか、"
                    "その行を除く",
                ),
                Text(
                    "a finite fill: scores.masked_fill(mask, torch.finfo(scores.dtype).min)",
                    "有限の値で埋める: scores.masked_fill(mask, torch.finfo(scores.dtype).min)",
                ),
            ),
            words("softmax log_softmax scaled_dot_product_attention multi_head_attention_forward"),
        ),
        Cause(
            "plus_infinity",
            Text(
                "The mask fills with +inf, of which the softmax at {line} is NaN: it is -inf that takes a key out.",
                "マスクが +inf で埋めており、{line} の softmax が NaN になります。キーを除くのは -inf です。",
            ),
            (Text('scores.masked_fill(mask, float("-inf"))', 'scores.masked_fill(mask, float("-inf")) とする'),),
        ),
        Cause(
            "written",
            Text(
                "The program itself writes NaN here, and a mask multiplied later does not take it out: 0 times NaN is "
                "NaN.",
                "プログラム自身がここで NaN を書き込んでいます。0 掛ける NaN は NaN なので、後から掛けるマスクでは"
                "消えません。",
            ),
            (Text("fill with 0, or leave these places out by an index", "0 で埋めるか、その位置を添字で除く"), _MASK),
        ),
        Cause("ctc", _WHY, (_CTC, _MASK), words("ctc_loss _ctc_loss")),
        Cause(
            "stepped_on",
            Text(
                "backward() leaves NaN or infinity here, and the step at {step} uses it: {parameters} are no longer "
                "finite.",
                "ここの backward() が NaN または無限大を残し、{step} の step がそれを使っています。{parameters} "
                "はもう有限ではありません。",
            ),
            (
                Text(
                    "gradcheck_lm.diagnose(fn, wrt=model) with that batch names the operation; torch.autograd."
                    "detect_anomaly() does too",
                    "そのバッチで gradcheck_lm.diagnose(fn, wrt=model) を呼ぶと演算がわかる。"
                    "torch.autograd.detect_anomaly() でもよい",
                ),
                Text(
                    "skip such a step: if not torch.isfinite(clip_grad_norm_(model.parameters(), 1.0)): continue",
                    "そのステップを飛ばす: if not torch.isfinite(clip_grad_norm_(model.parameters(), 1.0)): continue",
                ),
            ),
        ),
        Cause(
            "forward",
            Text(
                "The value itself is NaN or infinite from here on, before any backward pass.",
                "逆伝播より前に、ここから値そのものが NaN または無限大になっています。",
            ),
            (_POLE, _MASK, _CTC),
        ),
        Cause(
            "entered",
            Text(
                "What enters here is NaN or infinite already, a weight or an input, and the loss with it: it was not a "
                "number before any gradient.",
                "ここに入る値(重みまたは入力)がすでに NaN または無限大で、損失もそうなります。"
                "勾配を計算する前に、損失が有限の数ではなくなっています。",
            ),
            (
                Text(
                    "look for it in the data: torch.isfinite(inputs).all()",
                    "データの中を探す: torch.isfinite(inputs).all()",
                ),
                Text(
                    "where a weight is so, an earlier step made it: a smaller learning rate, clip_grad_norm_",
                    "重みがそうなら、以前のステップが原因: 学習率を下げる、clip_grad_norm_",
                ),
            ),
        ),
        Cause(
            "from_here",
            Text(
                "The value is NaN or infinite from here on, before any backward pass; what enters was not seen.",
                "逆伝播より前に、値がここから NaN または無限大になっています。入る値は記録されていません。",
            ),
            (_POLE, _MASK, _CTC),
        ),
        Cause(
            "unplaced",
            Text(
                "The loss itself is NaN or infinite; which operation made it so first was not seen.",
                "損失自体が NaN または無限大です。最初にそうした演算は記録されていません。",
            ),
            (_POLE, _MASK, _CTC),
        ),
        Cause(
            "all_ignored",
            Text(
                "Every label here is the ignored one ({ignored}): the mean over no label is 0 / 0.",
                "ここのラベルはすべて無視される値({ignored})です。0 個の平均は 0 / 0 になります。",
            ),
            (
                Text(
                    "leave a batch without labels out, or sum and divide by labels.ne(ignore_index).sum().clamp_min(1)",
                    "ラベルのないバッチは飛ばすか、和を labels.ne(ignore_index).sum().clamp_min(1) で割る",
                ),
                Text(
                    "check how the labels are made: truncation often leaves the prompt alone",
                    "ラベルの作り方を確かめる: 切り詰めるとプロンプトだけが残ることが多い",
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
            (_POLE, _MASK, _CTC),
        ),
        Cause(
            "forward_of_finite",
            Text(
                "The value itself is NaN or infinite from here on, before any backward pass. What enters it "
                "is finite ({inputs}).",
                "逆伝播より前に、ここから値そのものが NaN または無限大になっています。入る値は有限です({inputs})。",
            ),
            (_POLE, _MASK, _CTC),
        ),
        Cause(
            "forward_of_bad",
            Text(
                "The value itself is NaN or infinite from here on, before any backward pass. A weight or an "
                "input that enters it is so already.",
                "逆伝播より前に、ここから値そのものが NaN または無限大になっています。入る重みか入力がすでに"
                "そうなっています。",
            ),
            (_POLE, _MASK, _CTC),
        ),
        Cause(
            "loss_itself",
            Text(
                "The loss itself is NaN or infinite; which operation made it so first was not seen.",
                "損失そのものが NaN または無限大です。最初にそうした演算は記録されていません。",
            ),
            (_POLE, _MASK, _CTC),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient is not cut here but NaN or infinite: a bridge would hide the pole, not remove it",
            "勾配はここで切れているのではなく NaN または無限大です。切断をつないでも特異点が隠れるだけです",
        )
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
