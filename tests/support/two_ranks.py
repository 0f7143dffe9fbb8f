"""One of two ranks (gloo) under the debugger: `two_ranks.py OUT SCRIPT...` writes what `run` would say of each script.

Rank, world size and address come from the environment, as torchrun gives them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from gradcheck_lm.flow.scripts.runner import watch_script


def said(path: str) -> dict[str, object]:
    """Findings and troubles of one script, and whether its process group still works afterwards."""
    seen = watch_script(path)
    findings = [[f.kind, f.cause, f.line, f.severity, f.why] for _, one in seen.losses for f in one.findings]
    together = torch.ones(1)
    dist.all_reduce(together)  # nothing was left half sent
    return {
        "findings": findings,
        "troubles": seen.troubles,
        "error": repr(seen.error) if seen.error else "",
        "together": float(together),
    }


def main(out: str, scripts: list[str]) -> None:
    """All scripts one after the other: a process group each."""
    torch.set_num_threads(1)
    first, told = int(os.environ["MASTER_PORT"]), {}
    for number, path in enumerate(scripts):
        os.environ["MASTER_PORT"] = str(first + number)
        told[Path(path).stem] = said(path)
        dist.destroy_process_group()
    Path(f"{out}.{os.environ['RANK']}").write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
