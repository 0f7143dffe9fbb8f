"""torch.compile during a recording: compiled regions run as plain Python, so that their lines can be seen."""

from __future__ import annotations

import functools
import sys
import warnings
from typing import Any

import torch

_HOOKS = "Using `torch.compile\\(module\\)` when there are global hooks"  # ours; that they fire twice does no harm


class EagerCompiler:
    """While it is open, torch.compile'd functions and modules run eagerly; nothing is compiled and nothing forgotten.

    Under a function mode the compiler would otherwise compile the recorder too, break the user's graph at every
    operation, and use up the limit of recompilations.
    """

    def __init__(self) -> None:
        self._stance: Any = None
        self._filter: Any = None
        self._compile: Any = None  # torch.compile itself
        self._watch: Any = None  # and what stands in for it, until the compiler is loaded

    def open(self) -> None:
        """Take effect: at once where the compiler is loaded, else with the first use of torch.compile."""
        if "torch._dynamo" in sys.modules:
            self._force()
            return
        original = self._compile = torch.compile

        @functools.wraps(original)
        def compile_eagerly(*args: Any, **kwargs: Any) -> Any:
            self._force()
            return original(*args, **kwargs)

        self._watch = torch.compile = compile_eagerly  # loading it takes a second: not where nobody compiles

    def _force(self) -> None:
        self._unwatch()
        if self._stance is None:
            self._stance = torch.compiler.set_stance("force_eager")
            warnings.filterwarnings("ignore", message=_HOOKS, category=UserWarning)
            self._filter = warnings.filters[0]

    def _unwatch(self) -> None:
        if self._watch is not None and torch.compile is self._watch:
            torch.compile = self._compile
        self._watch = None

    def close(self) -> None:
        """Put back what was."""
        self._unwatch()
        if self._stance is not None:
            self._stance.__exit__(None, None, None)
            if self._filter in warnings.filters:
                warnings.filters.remove(self._filter)  # type: ignore[attr-defined]
            self._stance = self._filter = None
