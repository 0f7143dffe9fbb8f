"""The reference implementation's own training step, from a checkout of it that the user names; none of it is ours."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset

NAME = "georgeretsi/HTR-best-practices"
FILES = ("models.py", "trainer.py", "config.yaml")
# what trainer.py imports and a training step does not use; they need not be installed
_STAND_INS = ("omegaconf", "tqdm", "utils", "utils.htr_dataset", "utils.transforms", "utils.metrics")


@dataclass(frozen=True)
class Reference:
    """Its network, and its step on the batch that it was made for."""

    net: nn.Module
    step: Callable[[], None]
    commit: str
    lines: str
    """Which lines of trainer.py the step runs."""

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return sum(parameter.numel() for parameter in self.net.parameters())


def load_reference(
    folder: str | Path, images: Tensor, texts: Sequence[str], charset: Charset, *, device: torch.device
) -> Reference:
    """Import a checkout of the reference and make its trainer take the batch given; its code is run.

    Its network, loss, optimizer and epoch loop are called as they are. Its progress bar and the reading of a test line
    at the end of an epoch are left out, which is in its favour.

    Args:
        images: (N, 1, H, W) float, ink high.
        texts: N labels.
    Raises:
        ArgumentError: the folder is no such checkout.
    """
    folder = Path(folder)
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise ArgumentError(
            f"{folder} is no checkout of {NAME}: it has no {', '.join(missing)}. Clone that repository from GitHub and "
            "give its folder"
        )
    config = _config(folder / "config.yaml", batch=len(texts), device=device)
    try:
        with _importable(folder):
            module = _load("trainer", folder / "trainer.py")
        trainer = module.HTRTrainer.__new__(module.HTRTrainer)
        nn.Module.__init__(trainer)
        trainer.config = config
        trainer.classes = {
            "classes": list(charset.characters),
            "c2i": {character: place for place, character in enumerate(charset.characters, 1)},
        }
        trainer.loaders = {"train": [(images, tuple(texts))]}
        trainer.sample_decoding = lambda: None
        with contextlib.redirect_stdout(io.StringIO()):
            trainer.prepare_net()
            trainer.prepare_losses()
            trainer.prepare_optimizers()
    except (ImportError, AttributeError, TypeError, KeyError) as error:
        raise ArgumentError(
            f"{folder} has the files of {NAME}, but another form than the one that is known ({type(error).__name__}: "
            f"{error}): take the commit that the results page names"
        ) from error
    first = module.HTRTrainer.train.__code__.co_firstlineno
    last = max(line for *_, line in module.HTRTrainer.train.__code__.co_lines() if line)
    return Reference(trainer.net, lambda: trainer.train(1), _commit(folder), f"{first} to {last}")


def _config(path: Path, *, batch: int, device: torch.device) -> Any:
    import yaml

    def spaces(value: Any) -> Any:
        if isinstance(value, dict):
            return SimpleNamespace(**{key: spaces(inner) for key, inner in value.items()})
        return value

    try:
        config = spaces(yaml.safe_load(path.read_text(encoding="utf-8")))
        config.device, config.resume = str(device), None
        config.train.batch_size = batch
        config.train.lr = float(config.train.lr)  # "1e-3" without a point is a text in YAML
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        raise ArgumentError(f"{path} is not the configuration of {NAME}: {error}") from error
    return config


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Inside, `models` is the checkout's, and what a step does not use is an empty stand-in; then all is as before."""
    names = (*_STAND_INS, "models")
    before = {name: sys.modules.get(name) for name in names}
    for name in _STAND_INS:
        sys.modules[name] = _StandIn(name)
    try:
        sys.modules["models"] = _load("models", folder / "models.py")
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_reference_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Silent:
    """A progress bar that shows nothing."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)

    def set_description(self, *_: Any, **__: Any) -> None: ...

    set_postfix = set_description


class _StandIn(ModuleType):
    """Has every name that is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Silent


def _commit(folder: Path) -> str:
    """The commit of the checkout, with a word where the files that are used differ from it."""
    try:
        command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        command = ["git", "-C", str(folder), "status", "--porcelain", "--", *FILES]
        changed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" (changed)" if changed else "")
