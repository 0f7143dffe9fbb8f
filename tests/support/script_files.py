"""Training scripts as a user would write them, put into files."""

from __future__ import annotations

import textwrap
from pathlib import Path

HEALTHY = """
    import torch

    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = (model(torch.ones(1, 2)) - 1).square().mean()
    loss.backward()
    optimizer.step()
    print("after the step")
"""

# no optimizer, whose first one takes a process as long as torch itself does
HEALTHY_UNTRAINED = "".join(line for line in HEALTHY.splitlines(keepends=True) if "optimizer" not in line)


def write(path: Path, text: str, **parts: str) -> Path:
    """`text` without its indent, its {parts} filled in where any are given."""
    text = textwrap.dedent(text).lstrip()
    path.write_text(text.format(**parts) if parts else text, encoding="utf-8")
    return path
