"""GF809 targets_misread: targets that the loss takes for something else, or that the output cannot reach."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 4)
inputs = torch.randn(6, 8)
labels = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).repeat(2, 1)


def loss():
    return nn.functional.cross_entropy(model(inputs), labels)
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(8, 4)
inputs = torch.randn(6, 8)
labels = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]).repeat(2, 1)


def loss():
    return nn.functional.binary_cross_entropy_with_logits(model(inputs), labels)
"""

KIND = Kind(
    code="GF809",
    name="targets_misread",
    since="0.2.0",
    lesson="l18_shapes_in_losses",
    heading=Text(
        "targets that the loss takes for something else",
        "損失が別の意味に受け取る目標値",
    ),
    about=about(
        Text(
            "The loss is computed without an error, but the values of its targets are none that it can be meant for.",
            "損失はエラーなく計算されますが、目標値がその損失の想定する値になっていません。",
        ),
        Text(
            "one class a sample: cross_entropy; several at once: binary_cross_entropy_with_logits",
            "1 サンプルに 1 クラスなら cross_entropy、同時に複数なら binary_cross_entropy_with_logits",
        ),
        Text(
            "print targets.min(), targets.max() and the range that the last layer can give",
            "targets.min() と targets.max()、最後の層が出せる範囲を表示して確かめる",
        ),
    ),
    causes=(
        Cause(
            "several_classes",
            Text(
                "{share} of the samples have several classes at once, up to {most}: {loss} takes the targets for "
                "shares of one and lets the classes compete, so that no output says yes to two of them.",
                "サンプルの {share} に複数(最大 {most} 個)のクラスが付いています。{loss} は目標値を合計 1 の割合と"
                "みなしてクラスどうしを競わせるため、2 つのクラスに同時に「はい」と答えられません。",
            ),
            (
                Text(
                    "binary_cross_entropy_with_logits(logits, targets): a yes or no for each class",
                    "binary_cross_entropy_with_logits(logits, targets): クラスごとに「はい・いいえ」を学習する",
                ),
                Text(
                    "where shares are meant: targets / targets.sum(1, keepdim=True)",
                    "割合のつもりなら targets / targets.sum(1, keepdim=True)",
                ),
            ),
        ),
        Cause(
            "classes_compete",
            Text(
                "{share} of the samples have several classes at once, up to {most}, and {function} at {made} makes "
                "the outputs sum to 1: they cannot all be near 1.",
                "サンプルの {share} に複数(最大 {most} 個)のクラスが付いていますが、{made} の {function} は出力の合計"
                "を 1 にします。すべてを 1 に近づけることはできません。",
            ),
            (
                Text(
                    "a sigmoid in its place, or binary_cross_entropy_with_logits on the logits",
                    "代わりに sigmoid を使うか、ロジットに binary_cross_entropy_with_logits を使う",
                ),
            ),
        ),
        Cause(
            "blank_in_labels",
            Text(
                "{count} of {total} labels are {blank}, which is the class of the blank here: what they stand for is "
                "never read, and is taken for a gap.",
                "{total} 個のラベルのうち {count} 個が {blank} ですが、ここではそれがブランクのクラスです。その文字は"
                "読まれず、切れ目とみなされます。",
            ),
            (
                Text(
                    "give the characters the numbers 1 to C and the blank 0, with C + 1 outputs; or blank=C",
                    "文字に 1 から C、ブランクに 0 を割り当てて出力を C + 1 個にする。または blank=C とする",
                ),
                Text(
                    "padding behind a label is no label: target_lengths counts the characters alone",
                    "後ろの余白はラベルではない: target_lengths には文字数だけを渡す",
                ),
            ),
        ),
        Cause(
            "out_of_reach",
            Text(
                "{share} of the targets, which go from {low} to {high}, lie outside of what {function} at {made} can "
                "give: the output is pressed against its end, where it learns no more.",
                "目標値({low} から {high})の {share} が、{made} の {function} の出せる範囲の外にあります。出力は範囲の"
                "端に押し付けられ、そこではもう学習しません。",
            ),
            (
                Text(
                    "no activation after the last layer where the targets have no bounds",
                    "目標値に上限・下限がないなら、最後の層の後に活性化関数を置かない",
                ),
                Text(
                    "or bring the targets into that range, and back again where they are shown",
                    "または目標値をその範囲に正規化し、表示するときに元に戻す",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient arrives; it is that of another question",
            "勾配は届いています。別の問いの勾配です",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
