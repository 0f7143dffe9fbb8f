"""What of torch is stood in for while a watch lasts; all of it is as before afterwards."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CellType, FrameType
from typing import Any

# before: the arguments (a list that may be changed), the keywords and the caller's frame; what it returns goes to after
Before = Callable[[list[Any], dict[str, Any], FrameType], Any]
After = Callable[[Any, Any], None]  # with the result, None where the call raised


class Wraps:
    """Attributes and closure cells that hold something else for a time."""

    def __init__(self) -> None:
        self._attributes: list[tuple[Any, str, Any, Any, bool]] = []
        self._cells: list[tuple[CellType, Any, Any]] = []
        self.closed = False

    def attribute(self, owner: Any, name: str, before: Before, after: After) -> None:
        """Watch the function that `owner` holds by this name; nothing happens where it holds none."""
        original = getattr(owner, name, None)
        if original is None:
            return
        own = name in vars(owner)
        standing = self._around(original, before, after)
        setattr(owner, name, standing)
        self._attributes.append((owner, name, original, standing, own))

    def cell(self, function: Any, before: Before, after: After) -> bool:
        """Watch what a wrapper such as torch's no_grad one calls: seen by whatever name the wrapper was imported."""
        for cell in getattr(function, "__closure__", None) or ():
            original = cell.cell_contents
            if callable(original):
                standing = self._around(original, before, after)
                cell.cell_contents = standing
                self._cells.append((cell, original, standing))
                return True
        return False

    def close(self) -> None:
        """Put back what was, but for what somebody else has put there since: then ours only passes on."""
        self.closed = True
        for owner, name, original, standing, own in reversed(self._attributes):
            if vars(owner).get(name) is standing:
                if own:
                    setattr(owner, name, original)
                else:
                    delattr(owner, name)
        for cell, original, standing in reversed(self._cells):
            if cell.cell_contents is standing:
                cell.cell_contents = original
        self._attributes.clear()
        self._cells.clear()

    def _around(self, original: Any, before: Before, after: After) -> Any:
        @functools.wraps(original)
        def watched(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            if self.closed:
                return original(*args, **kwargs)
            arguments = list(args)
            token = before(arguments, kwargs, sys._getframe(1))
            try:
                result = original(*arguments, **kwargs)
            except BaseException:
                after(token, None)
                raise
            after(token, result)
            return result

        return watched
