"""What a watch has to say: the state of everything watched, and an event where one changes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.findings.paths import at

Writer = Callable[[str], Any]
LOGGER = logging.getLogger("gradcheck_lm")
WELL = ("live", "moving", "stepping")


def say(write: Writer | logging.Logger | None, text: str, *, well: bool) -> None:
    """Hand a line to a logger (what is not well as a warning) or to a function such as print."""
    if isinstance(write, logging.Logger):
        write.log(logging.INFO if well else logging.WARNING, "%s", text)
    elif write is not None:
        write(text)


class Events:
    """States by name, and the events of their changes.

    Args:
        write: where events go, one line each: a logger, a function, the path of a JSONL file, or None.
    """

    def __init__(self, write: Writer | logging.Logger | str | Path | None) -> None:
        self.events: list[dict[str, Any]] = []
        self.states: dict[str, tuple[str, int]] = {}  # name -> (state, step of the last look)
        self._write = write

    def change(self, step: int, name: str, state: str, detail: str = "", finding: Finding | None = None) -> None:
        """Note a state; an event where it is another than before, or ill at first sight."""
        before = self._noted(step, name, state)
        if before is not None:
            was = f"was {before[0]} at step {before[1]}" if before[0] else ""
            self.add(step, state, name, ", ".join(part for part in (was, detail) if part), finding)

    def change_together(self, step: int, names: Sequence[str], state: str, detail: str) -> None:
        """One event for those that share a fate: a model has hundreds of tensors."""
        changed = [name for name in names if self._noted(step, f"update of {name}", state) is not None]
        if changed:
            told = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
            self.add(step, state, f"update of {told}", detail)

    def _noted(self, step: int, name: str, state: str) -> tuple[str, int] | None:
        """What it was before, ("", 0) for nothing; None where that is no news."""
        before = self.states.get(name)
        self.states[name] = (state, step)
        if before is None:
            return None if state in WELL else ("", 0)
        return None if before[0] == state else before

    def add(self, step: int, state: str, name: str, detail: str, finding: Finding | None = None) -> None:
        """Keep an event and write it."""
        event: dict[str, Any] = {"step": step, "what": name, "state": state, "detail": detail}
        text = f"step {step}: {name} is {state}" + (f" ({detail})" if detail else "")
        if finding is not None:
            event |= {"code": finding.code, "kind": finding.kind, "file": finding.file, "line": finding.line}
            text += f": {finding.code} {finding.title}, {at(finding.file, finding.line)}"
        self.events.append(event | {"text": text})
        try:
            if isinstance(self._write, str | Path):
                with Path(self._write).open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(event) + "\n")
            else:
                say(self._write, text, well=state in WELL)
        except Exception:  # a full disk or a closed terminal is no reason to lose a training run
            self._write = None
