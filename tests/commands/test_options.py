"""The options of all commands: pinned, said once, checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable

from command_options import described


def test_every_option_is_as_it_was(golden: Callable[[str, str], None]) -> None:
    golden("command_options.txt", described())
