"""GF101 discrete_op: argmax, comparison, indices of sort and topk, one_hot, bucketize, histogram."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text
from gradcheck_lm.flow.operations.derivatives import UNWRITTEN, words

EXAMPLE = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
table = nn.Embedding(3, 5).requires_grad_(False)
inputs = torch.ones(2, 4)


def loss():
    return table(model(inputs).argmax(-1)).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

model = nn.Linear(4, 3)
table = nn.Embedding(3, 5).requires_grad_(False)
inputs = torch.ones(2, 4)


def loss():
    return (model(inputs).softmax(-1) @ table.weight).square().mean()
"""
_STAIRS = "入力が少し変わっても変わらず、あるところで急に飛ぶため、微分が存在せず autograd は何も記録しません。"
_JUMPS = "a whole number that stays the same under small changes and then jumps, so it has no derivative and autograd "
_CHOICE = (
    Text(
        "softmax probabilities times the embedding table instead of embedding(argmax) (soft embeddings)",
        "embedding(argmax) の代わりに softmax の確率 × 埋め込み表(ソフト埋め込み)",
    ),
    Text(
        "keep the hard choice forward, the soft one backward: hard + soft - soft.detach() (straight-through)",
        "順伝播はハードな選択、逆伝播はソフトな選択: hard + soft - soft.detach() (STE)",
    ),
    Text(
        "torch.nn.functional.gumbel_softmax(logits, hard=True) for a sampled choice with a gradient",
        "勾配のあるサンプリング: torch.nn.functional.gumbel_softmax(logits, hard=True)",
    ),
    Text(
        "policy gradient on sampled outputs: reward.detach() * log_prob; what follows may be a black box",
        "サンプルに対する方策勾配: reward.detach() * log_prob (後段がブラックボックスでもよい)",
    ),
)
_SOFT_RANK = Text(
    "a soft rank: sigmoid of pairwise differences, summed",
    "ソフトな順位: 組ごとの差の sigmoid を合計する",
)
COMPARISON = Cause(
    "comparison",
    Text(
        "A comparison gives yes or no: it stays the same under small changes and then flips, so it has no derivative.",
        "比較の結果は真か偽です。入力が少し変わっても変わらず、あるところで反転するため、微分が存在しません。",
    ),
    (
        Text(
            "a soft comparison: torch.sigmoid((a - b) / temperature)",
            "ソフトな比較: torch.sigmoid((a - b) / temperature)",
        ),
        Text(
            "for a hinge or a margin: torch.relu(a - b) instead of counting a > b",
            "ヒンジやマージンには a > b を数える代わりに torch.relu(a - b)",
        ),
        Text(
            "use the yes/no only as a mask on a value that carries the gradient",
            "真偽は、勾配を持つ値へのマスクとしてだけ使う",
        ),
    ),
    words("gt lt ge le eq ne __gt__ __lt__ __ge__ __le__ __eq__ __ne__ greater less"),
)

KIND = Kind(
    code="GF101",
    name="discrete_op",
    since="0.1.0",
    lesson="l03_why_it_cannot",
    heading=Text("an operation with no derivative", "微分が存在しない演算"),
    about=about(
        Text(
            "The result is an index, a count or a yes/no: it stays the same under small changes and then jumps, so no "
            "derivative exists and autograd records nothing.",
            "結果は添字・個数・真偽値です。入力が少し変わっても値は変わらず、あるところで急に飛びます。"
            "そのため微分が存在せず、autograd は何も記録しません。",
        ),
        Text(
            "work with the probabilities instead: expected values under softmax (soft embeddings)",
            "確率のまま計算する: softmax による期待値(ソフト埋め込み)",
        ),
        Text(
            "keep the hard value forward, the soft one backward: hard + soft - soft.detach() (straight-through)",
            "順伝播はハードな値、逆伝播はソフトな値: hard + soft - soft.detach() (STE)",
        ),
        Text(
            "torch.nn.functional.gumbel_softmax(logits, hard=True) for a sampled choice with a gradient",
            "勾配のあるサンプリング: torch.nn.functional.gumbel_softmax(logits, hard=True)",
        ),
        Text(
            "policy gradient: reward.detach() * log_prob, where what follows may be a black box",
            "方策勾配: reward.detach() * log_prob (後段がブラックボックスでもよい)",
        ),
    ),
    causes=(
        Cause(
            "unwritten",
            Text(
                "torch has no formula for the derivative of this operation: it records nothing here, or backward() "
                "raises.",
                "torch はこの演算の微分の式を持ちません。何も記録しないか、backward() がエラーになります。",
            ),
            (
                Text(
                    "compose the value of operations that have a derivative, out of place (x = torch.acosh(x) for "
                    "x.acosh_())",
                    "微分のある演算を組み合わせ、in-place を避ける(x.acosh_() の代わりに x = torch.acosh(x))",
                ),
                Text(
                    "give it one: a torch.autograd.Function with this forward and your own backward, tested by "
                    "gradcheck",
                    "微分を与える: この forward と自作の backward を持つ torch.autograd.Function を書き、"
                    "gradcheck で確かめる",
                ),
            ),
            UNWRITTEN,
        ),
        COMPARISON,
        Cause(
            "argmax",
            Text(
                f"argmax gives the index of the largest value: {_JUMPS}records nothing.",
                f"argmax は最大値の添字(整数)を返します。{_STAIRS}",
            ),
            _CHOICE,
            words("argmax"),
        ),
        Cause(
            "argmin",
            Text(
                f"argmin gives the index of the smallest value: {_JUMPS}records nothing.",
                f"argmin は最小値の添字(整数)を返します。{_STAIRS}",
            ),
            _CHOICE,
            words("argmin"),
        ),
        Cause(
            "one_hot",
            Text(
                "one_hot takes indices, which carry no gradient, and gives whole numbers.",
                "one_hot は勾配を持たない添字を受け取り、整数を返します。",
            ),
            (
                Text(
                    "use the softmax probabilities where the one-hot rows went",
                    "one-hot の行の代わりに softmax の確率を使う",
                ),
                Text(
                    "hard = one_hot(...).float(); hard + soft - soft.detach() (straight-through)",
                    "hard = one_hot(...).float() として hard + soft - soft.detach() (STE)",
                ),
            ),
            words("one_hot"),
        ),
        Cause(
            "sort",
            Text(
                "The sorted values have a gradient; the order (the indices) has none.",
                "整列された値には勾配がありますが、順序(添字)にはありません。",
            ),
            (
                Text("use the values of torch.sort, not its indices", "torch.sort の添字ではなく値を使う"),
                _SOFT_RANK,
            ),
            words("sort"),
        ),
        Cause(
            "topk",
            Text(
                "The top values have a gradient; which ones they are (the indices) has none.",
                "上位の値には勾配がありますが、どれが上位か(添字)にはありません。",
            ),
            (
                Text("use the values of torch.topk, not its indices", "torch.topk の添字ではなく値を使う"),
                Text(
                    "weights from softmax instead of a selection by index",
                    "添字で選ぶ代わりに softmax の重みを付ける",
                ),
            ),
            words("topk"),
        ),
        Cause(
            "argsort",
            Text(
                "An order is a permutation of whole numbers; it has no derivative.",
                "順序は整数の置換であり、微分が存在しません。",
            ),
            (Text("use the values of torch.sort", "torch.sort の値を使う"), _SOFT_RANK),
            words("argsort"),
        ),
    ),
    bridge=Bridge(
        how=Text(
            "the real operation's value forward, a soft form's gradient backward (straight-through)",
            "順伝播は本来の演算の値、逆伝播はソフトな形の勾配 (STE)",
        ),
        at_the_operation=True,
    ),
    noted=True,
    example=EXAMPLE,
    instead=INSTEAD,
)
