"""Other debuggers of PyTorch programs, each called as its own documentation shows it, at its most thorough."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Said = list[tuple[str, int]]  # what kind of thing, and the line that is named, 0 for none


@dataclass(frozen=True)
class Subject:
    """A program taken apart: what it trains, with what, and its training loop."""

    path: Path
    model: Any
    optimizer: Any
    inputs: Any
    targets: Any
    loss: Any
    frozen: list[str]
    train: Callable[[], Any]


@dataclass(frozen=True)
class Other:
    """One of them."""

    package: str  # as it is installed
    module: str  # as it is imported
    ask: Callable[[Subject], Said]

    def is_here(self) -> bool:
        """Whether it can be imported; it is, once for all programs."""
        try:
            importlib.import_module(self.module)
        except ImportError:
            return False
        return True


def _torchtest2(subject: Subject) -> Said:
    import torchtest2

    report = torchtest2.check_model(
        subject.model, subject.inputs, subject.targets, loss_fn=subject.loss, optimizer=subject.optimizer,
        frozen=subject.frozen, gradcheck=True,
    )  # fmt: skip
    bad = [one for one in report.results if str(getattr(one.status, "name", one.status)) in ("FAIL", "WARN")]
    return [(one.name, 0) for one in bad]


def _torch_audit(subject: Subject) -> Said:
    from torch_audit import autopatch

    auditor = autopatch(
        subject.model, optimizer=subject.optimizer, every_n_steps=1, reporters=[], fail_level="FATAL", run_static=True,
        run_init=True,
    )  # fmt: skip
    with contextlib.suppress(RuntimeError):  # autograd's own refusal
        subject.train()
    found = auditor.finish(report=False).findings
    bad = {one.rule_id for one in found if str(getattr(one.severity, "name", one.severity)) != "INFO"}
    return [(rule, 0) for rule in sorted(bad)]


def _torchdiag(subject: Subject) -> Said:
    import torchdiag

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        torchdiag.summary(subject.model)
        torchdiag.verify_step(subject.model, subject.optimizer, subject.loss, subject.inputs, subject.targets)
        torchdiag.check_gradients(subject.model)
        torchdiag.check_dead_neurons(subject.model, subject.inputs)
    bad = re.findall(r"^\s+• (.*)$", text.getvalue(), re.MULTILINE)
    return [
        (what, 0)
        for what in sorted({re.sub(r"-?\d[\d.]*(e[+-]\d+)?%?", "", one.split(": ", 1)[-1]).strip() for one in bad})
    ]


def _torchmortem(subject: Subject) -> Said:
    import torch
    from torch.optim.optimizer import register_optimizer_step_post_hook
    from torchmortem import Autopsy

    last: list[float] = []
    backward = torch.Tensor.backward

    def noting(loss: Any, *args: Any, **kwargs: Any) -> Any:
        last[:] = [float(loss.detach().float().mean())]
        return backward(loss, *args, **kwargs)

    torch.Tensor.backward = noting  # type: ignore[method-assign, assignment]
    with Autopsy(subject.model, optimizer=subject.optimizer, sampling="thorough") as autopsy:
        hook = register_optimizer_step_post_hook(lambda *_: autopsy.step(loss=last[0] if last else None))
        with contextlib.suppress(RuntimeError):
            for _ in range(10):  # it looks for trends
                subject.train()
        hook.remove()
    report = autopsy.get_report()
    findings = report.findings if report is not None else []
    bad = {one.detector for one in findings if str(getattr(one.severity, "name", one.severity)).upper() != "INFO"}
    return [(name, 0) for name in sorted(bad)]


def _mldoct(subject: Subject) -> Said:
    from mldoctor.linter import lint_script

    findings, _ = lint_script(str(subject.path))
    return [(one["type"], one["line"] or 0) for one in findings if one["severity"] != "INFO"]


def _torchfix(subject: Subject) -> Said:
    from torchfix.torchfix import TorchChecker

    lines = subject.path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [(text.split()[0], line) for line, _, text, _ in TorchChecker(None, lines).run()]


OTHERS = {
    "torchtest2": Other("torchtest2", "torchtest2", _torchtest2),
    "torch-audit": Other("torch-audit", "torch_audit", _torch_audit),
    "torchdiag": Other("torchdiag", "torchdiag", _torchdiag),
    "torchmortem": Other("torchmortem", "torchmortem", _torchmortem),
    "mldoct": Other("mldoct", "mldoctor.linter", _mldoct),
    "TorchFix": Other("TorchFix", "torchfix.torchfix", _torchfix),
}
