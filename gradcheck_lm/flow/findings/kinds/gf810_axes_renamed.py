"""GF810 axes_renamed: view or reshape where axes were to change places."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Conv2d(3, 4, 3)
images = torch.rand(2, 8, 6, 3)


def loss():
    return model(images.view(2, 3, 8, 6)).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Conv2d(3, 4, 3)
images = torch.rand(2, 8, 6, 3)


def loss():
    return model(images.permute(0, 3, 1, 2)).square().mean()
"""
_CURES = (
    Text(
        "permute or transpose to move axes: images.permute(0, 3, 1, 2), sequence.transpose(1, 2)",
        "軸の入れ替えには permute か transpose を使う: images.permute(0, 3, 1, 2)、sequence.transpose(1, 2)",
    ),
    Text(
        "view and reshape are for cutting one axis into several, or for laying several together",
        "view と reshape は、1 つの軸を分けるか、複数の軸をまとめるために使う",
    ),
)

KIND = Kind(
    code="GF810",
    name="axes_renamed",
    since="0.2.0",
    lesson="l18_shapes_in_losses",
    heading=Text(
        "axes that get each other's sizes and do not move",
        "入れ替わらずに大きさだけが変わった軸",
    ),
    about=about(
        Text(
            "view and reshape leave the numbers in the order in which they lie: where axes only get each other's "
            "sizes, what stood together is torn apart.",
            "view と reshape は数値の並びを変えません。軸の大きさだけを入れ替えると、ひとまとまりの値がばらばらになり"
            "ます。",
        ),
        *_CURES,
    ),
    causes=(
        Cause(
            "view",
            Text(
                "{function} makes {after} of {before} and leaves the numbers in the order in which they lie: no axis "
                "is moved, and what stood together, a pixel's colours or a step's features, is torn apart.",
                "{function} は {before} を {after} にしますが、数値の並びは元のままです。軸は入れ替わらず、1 画素の色や"
                "1 時刻の特徴量のような、ひとまとまりの値がばらばらになります。",
            ),
            _CURES,
        ),
        Cause(
            "heads",
            Text(
                "{function} makes {after} of {before} and leaves the numbers in the order in which they lie: a part of "
                "an axis, as of the features for each head, changes its place in the shape alone, and what stood "
                "together is torn apart.",
                "{function} は {before} を {after} にしますが、数値の並びは元のままです。ヘッドごとの特徴量のような、"
                "軸の一部は形の上でしか移動せず、ひとまとまりの値がばらばらになります。",
            ),
            (
                Text(
                    "cut the axis in place, then move: x.view(batch, times, heads, -1).transpose(1, 2)",
                    "軸をその場で分けてから移す: x.view(batch, times, heads, -1).transpose(1, 2)",
                ),
                Text(
                    "and back again, move first: x.transpose(1, 2).reshape(batch, times, -1)",
                    "元に戻すときは先に移す: x.transpose(1, 2).reshape(batch, times, -1)",
                ),
            ),
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient arrives, at the wrong numbers",
            "勾配は届いていますが、別の数値に届いています",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
