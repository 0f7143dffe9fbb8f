"""docs/api.md has every public name; its examples are run by test_blocks.py."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import gradcheck_lm

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
WITHOUT_EXAMPLE = {  # what another name's example gives, and nobody makes by hand
    "Attribution", "Comparison", "Run", "StepRun",
}  # fmt: skip


def test_every_public_name_is_there_with_an_example() -> None:
    for name in gradcheck_lm.__all__:
        found = getattr(gradcheck_lm, name)
        if not (inspect.isclass(found) or inspect.isfunction(found)) or issubclass_of_errors(found):
            continue
        entry = f"::: {found.__module__}.{found.__qualname__}\n"
        assert entry in PAGE, name
        assert PAGE.split(entry)[1].startswith("\n```python\n") or name in WITHOUT_EXAMPLE, name


def issubclass_of_errors(found: object) -> bool:
    """Errors stand on the page as one module."""
    return inspect.isclass(found) and issubclass(found, BaseException)


def test_functions_say_what_they_take_give_and_raise() -> None:
    for name in gradcheck_lm.__all__:
        found = getattr(gradcheck_lm, name)
        if inspect.isfunction(found):
            text = inspect.getdoc(found) or ""
            if inspect.signature(found).parameters:
                assert re.search(r"^Args:", text, re.MULTILINE), name
            assert re.search(r"^(Returns|Raises):", text, re.MULTILINE), name
