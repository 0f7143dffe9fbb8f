"""GF403 unread: an argument, a mask, labels or a result that nothing reads."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

model = nn.MultiheadAttention(4, 1)
inputs = torch.ones(3, 2, 4)
padding = torch.tensor([[False, False, True], [False, True, True]])


def attend(values, mask):
    return model(values, values, values)[0]


def loss():
    return attend(inputs, padding).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.MultiheadAttention(4, 1)
inputs = torch.ones(3, 2, 4)
padding = torch.tensor([[False, False, True], [False, True, True]])


def attend(values, mask):
    return model(values, values, values, key_padding_mask=mask)[0]


def loss():
    return attend(inputs, padding).square().mean()
"""

KIND = Kind(
    code="GF403",
    name="unread",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "a value that nothing reads",
        "どこからも読まれない値",
    ),
    about=about(
        Text(
            "A tensor was handed in and no operation read it: what it says cannot reach the loss.",
            "渡されたテンソルをどの演算も読んでいません。その内容は損失に届きません。",
        ),
        Text(
            "pass it on to where it is meant: a mask to the attention and to the loss, labels to the loss",
            "本来使う場所に渡す: マスクは注意機構と損失に、ラベルは損失に",
        ),
        Text(
            "look for a name that is written over, or a default that is used instead",
            "上書きされた名前や、代わりに使われている既定値を探す",
        ),
        Text(
            "drop the argument if it is not needed",
            "不要なら引数をなくす",
        ),
    ),
    causes=(
        Cause(
            "argument",
            Text(
                "{name}, an argument of {function}, is read by no operation.",
                "{function} の引数 {name} を、どの演算も読んでいません。",
            ),
            (
                Text(
                    "use {name} in {function}, or drop it",
                    "{function} の中で {name} を使うか、引数をなくす",
                ),
                Text(
                    "look for a name that is written over before it is used",
                    "使う前に上書きされた名前を探す",
                ),
            ),
        ),
        Cause(
            "mask",
            Text(
                "The mask {name} is read by no operation: padding counts as data.",
                "マスク {name} をどの演算も読んでいません。パディングがデータとして扱われます。",
            ),
            (
                Text(
                    "pass {name} on: key_padding_mask or attn_mask to the attention, and weigh the loss by it",
                    "{name} を渡す: 注意機構には key_padding_mask や attn_mask として、損失には重みとして",
                ),
                Text(
                    "divide a masked mean by {name}.sum(), not by the length",
                    "マスク付き平均は長さではなく {name}.sum() で割る",
                ),
            ),
        ),
        Cause(
            "end_of_text",
            Text(
                "Token {token} fills the texts up, and it is also the last of a text; where it stands {loss} at {line} "
                "is given no target, at the end of a text neither: nothing teaches where to stop.",
                "トークン {token} は余白を埋めるためにも、文の終わりにも使われていますが、{line} の {loss} には"
                "その位置の目標値が、文の終わりでも渡されていません。どこで止まるかは学習されません。",
            ),
            (
                Text(
                    "leave out by the attention mask: labels[attention_mask == 0] = -100",
                    "アテンションマスクで除く: labels[attention_mask == 0] = -100",
                ),
                Text(
                    "or give the padding a token of its own, not the end's",
                    "または、パディングには終端トークンとは別の専用トークンを使う",
                ),
            ),
        ),
        Cause(
            "padding_counted",
            Text(
                "Token {token} fills up the texts, and {loss} counts it like any other: {share} of what is to be "
                "learnt is padding after the end of a text.",
                "トークン {token} は文の長さをそろえるパディングですが、{loss} はほかのトークンと同じに数えています。"
                "学習対象の {share} が文末より後のパディングです。",
            ),
            (
                Text(
                    "cross_entropy(..., ignore_index={token}), where that token is nothing but padding",
                    "そのトークンがパディングだけなら cross_entropy(..., ignore_index={token})",
                ),
                Text(
                    "or labels = labels.masked_fill(mask == 0, -100), by the attention mask",
                    "または attention mask を使って labels = labels.masked_fill(mask == 0, -100)",
                ),
            ),
        ),
        Cause(
            "labels",
            Text(
                "The labels {name} are read by no operation: the loss is about something else.",
                "ラベル {name} をどの演算も読んでいません。損失は別のものについて計算されています。",
            ),
            (
                Text(
                    "compute the loss with {name}",
                    "損失を {name} で計算する",
                ),
                Text(
                    "check that the prediction is not compared with itself or with the input",
                    "予測を自分自身や入力と比べていないか確かめる",
                ),
            ),
        ),
        Cause(
            "same_part",
            Text(
                "This line takes {part} along axis {axis} of what {function} gives at {made}, as {line} does: one part "
                "stands for two values, and the rest, of {size} in all, is read by nothing and never learns.",
                "この行は {made} の {function} の出力から軸 {axis} の {part} を取り出しますが、{line} も同じ部分を"
                "取り出しています。1 つの部分が 2 つの値を兼ね、残り(全体の長さは {size})はどこからも読まれず、"
                "学習しません。",
            ),
            (
                Text(
                    "take the other part here, or both at once: mean, log_variance = h.chunk(2, dim=-1)",
                    "ここでは別の部分を取り出すか、まとめて分ける: mean, log_variance = h.chunk(2, dim=-1)",
                ),
            ),
        ),
        Cause(
            "part",
            Text(
                "{other} is read here once more, and {name}, which {function} at {line} gives beside it, by nothing: "
                "one name stands for two parts, and what makes the other part learns nothing.",
                "ここで {other} がもう一度読まれていますが、{line} の {function} が一緒に返す {name} は"
                "どこからも読まれていません。1 つの名前が 2 つの部分を兼ね、もう一方の部分を作る側は何も学習しません。",
            ),
            (
                Text(
                    "read {name} where it is meant, here or elsewhere in this function",
                    "本来の場所(この行、または同じ関数のほかの行)で {name} を使う",
                ),
                Text("call it _ if it is to stay unread", "読まないつもりなら名前を _ にする"),
            ),
        ),
        Cause(
            "never_asked",
            Text(
                "{target} is kept in step with {source} at {line}, and nothing ever asks it: the targets are made by "
                "{source} itself, and move with every step.",
                "{target} は {line} で {source} に追従していますが、どこからも呼び出されていません。目標値は {source} "
                "自身が作るため、step のたびに動きます。",
            ),
            (
                Text(
                    "make the targets with it: with torch.no_grad(): {target}(next_state)",
                    "目標値はこちらで作る: with torch.no_grad(): {target}(next_state)",
                ),
            ),
        ),
        Cause(
            "mask_hides_texts",
            Text(
                "The mask made at {line} is True where there is a token, and {function} leaves out what is True: the "
                "padding is read, and what it was to stand behind is not.",
                "{line} で作られたマスクは本物のトークンの位置で True ですが、{function} は True の位置を除外します。"
                "パディングだけが読まれ、本文は読まれません。",
            ),
            (
                Text(
                    "turn it round for this: key_padding_mask=~mask, scores.masked_fill(~mask, -inf)",
                    "ここでは反転して渡す: key_padding_mask=~mask、scores.masked_fill(~mask, -inf)",
                ),
            ),
        ),
        Cause(
            "mask_keeps_padding",
            Text(
                "The mask made at {line} is True at the padding, and {function} keeps what is True: the padding is "
                "all that counts here.",
                "{line} で作られたマスクはパディングの位置で True ですが、{function} は True の位置を残します。ここでは"
                "パディングだけが数えられます。",
            ),
            (
                Text(
                    "turn it round: ~mask; in scaled_dot_product_attention True means that a position may be read",
                    "反転する: ~mask。scaled_dot_product_attention では True が「読んでよい」を表す",
                ),
                Text(
                    "divide a masked mean by mask.sum(), not by the length",
                    "マスク付き平均は長さではなく mask.sum() で割る",
                ),
            ),
        ),
        Cause(
            "end_of_episode",
            Text(
                "{name}, given at {line}, is read by nothing: the target adds the value of a next state where the "
                "episode has ended and there is none.",
                "{line} で渡される {name} はどこからも読まれていません。エピソードが終わって次の状態がないところでも、"
                "目標値に次の状態の価値が足されます。",
            ),
            (
                Text(
                    "reward + gamma * (1 - {name}) * next_value",
                    "目標値を reward + gamma * (1 - {name}) * next_value とする",
                ),
            ),
        ),
        Cause(
            "function_thrown_away",
            Text(
                "What {function} gives is thrown away on this line: its node is in no graph, its backward() never "
                "runs, and what was given to it gets no gradient from there.",
                "{function} の結果はこの行で捨てられています。そのノードはどの計算グラフにも入らず、backward() は実行"
                "されず、渡した値にはそこから勾配が届きません。",
            ),
            (Text("give the result a name and go on with it: {mended}", "結果に名前を付けて使う: {mended}"),),
        ),
        Cause(
            "result_thrown_away",
            Text(
                "{function} changes nothing in place: it gives a new tensor, which is thrown away on this line, and "
                "what follows goes on with the old one.",
                "{function} は元のテンソルを書き換えません。新しいテンソルはこの行で捨てられ、後の計算には元の値が"
                "使われます。",
            ),
            (Text("give the result a name and go on with it: {mended}", "結果に名前を付けて使う: {mended}"),),
        ),
        Cause(
            "multiplied_by_zero",
            Text(
                "{name} is read and changes nothing: with its samples in another order the loss is the same to the "
                "bit.",
                "{name} は読まれていますが何も変えません。並べ替えても損失は 1 ビットも変わりません。",
            ),
            (
                Text(
                    "look for a factor of 0, a mask that covers all, or an average taken too early",
                    "0 の因子、全体を覆うマスク、早すぎる平均を探す",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no value of what you train enters here, so there is nothing that a bridge could lead on",
            "学習対象の値はここに入ってこないため、切断をつないでも先へ届くものがありません",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
