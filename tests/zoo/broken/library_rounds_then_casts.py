# expected: zero_gradient integer_cast
# A library turns predicted durations into lengths: round, then an integer cast behind it.
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "site-packages"))
import speechtools  # noqa: E402

duration = nn.Linear(4, 1)
wrt = duration


def loss():
    frames = duration(torch.randn(6, 4)).exp().squeeze(-1) * 4
    return {
        "smooth": frames.log().square().mean(),
        "rate": (speechtools.relative_lengths(frames) - 0.5).abs().mean(),  # <- zero_gradient integer_cast
    }
