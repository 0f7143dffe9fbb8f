"""GF806 answer_in_sight: what is to be predicted is among what the prediction is made of."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
text = torch.randint(0, 9, (4, 8))
embed, read = nn.Embedding(9, 6), nn.Linear(6, 9)
attend = nn.MultiheadAttention(6, 2, batch_first=True)
model = nn.ModuleList([embed, attend, read])


def loss():
    tokens, following = text[:, :-1], text[:, 1:]
    codes = embed(tokens)
    codes = codes + attend(codes, codes, codes)[0]
    return nn.functional.cross_entropy(read(codes).flatten(0, 1), following.flatten())
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
text = torch.randint(0, 9, (4, 8))
embed, read = nn.Embedding(9, 6), nn.Linear(6, 9)
attend = nn.MultiheadAttention(6, 2, batch_first=True)
model = nn.ModuleList([embed, attend, read])
later = torch.ones(7, 7, dtype=torch.bool).triu(1)


def loss():
    tokens, following = text[:, :-1], text[:, 1:]
    codes = embed(tokens)
    codes = codes + attend(codes, codes, codes, attn_mask=later)[0]
    return nn.functional.cross_entropy(read(codes).flatten(0, 1), following.flatten())
"""

KIND = Kind(
    code="GF806",
    name="answer_in_sight",
    since="0.2.0",
    lesson="l12_your_own_code",
    heading=Text(
        "the answer is in sight",
        "答えが見えている",
    ),
    about=about(
        Text(
            "What is to be predicted is among what the prediction is made of: the loss falls by copying.",
            "予測すべきものが、予測の材料に含まれています。写すだけで損失が下がります。",
        ),
        Text(
            "keep the answer out of the inputs: a causal mask, a shift, a split before and not after",
            "答えを入力から除く: 因果マスク、ずらし、先に分割",
        ),
        Text(
            "a loss that falls to 0 at once, and samples that make no sense, say the same",
            "すぐに 0 になる損失や、意味をなさない生成結果も同じことを示している",
        ),
    ),
    causes=(
        Cause(
            "next_token",
            Text(
                "The targets are the input tokens moved on by one, and by {function} at {line} each position reads "
                "those behind it too: it finds the token that it is to predict.",
                "目標値は入力トークンを 1 つずらしたものですが、{line} の {function} では各位置が後ろの位置も読みます。"
                "予測すべきトークンがそのまま見えています。",
            ),
            (
                Text(
                    "a causal mask: attn_mask or tgt_mask = nn.Transformer.generate_square_subsequent_mask(length), or "
                    "is_causal=True in scaled_dot_product_attention",
                    "因果マスクを渡す: attn_mask や tgt_mask に nn.Transformer.generate_square_subsequent_mask(長さ)、"
                    "scaled_dot_product_attention なら is_causal=True",
                ),
                Text(
                    "by hand: scores.masked_fill(torch.ones(length, length).triu(1).bool(), -inf) before the softmax",
                    "自作なら softmax の前に scores.masked_fill(torch.ones(長さ, 長さ).triu(1).bool(), -inf)",
                ),
                Text(
                    "a recurrent layer that predicts what follows reads forwards alone: bidirectional=False",
                    "続きを予測する再帰層は前から後ろだけに読む: bidirectional=False",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "no gradient is cut here: it teaches to copy",
            "ここで勾配は切れていません。写すことを学習させています",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
