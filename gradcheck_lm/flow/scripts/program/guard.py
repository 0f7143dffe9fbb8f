"""What looks on at a script never raises into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.watching.unseen import unseen

Result = TypeVar("Result")


class Guard:
    """Runs what looks on, out of sight of the script's modes; its errors are kept as sentences in `troubles`."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def __call__(self, do: Callable[[], Result]) -> Result | None:
        """What `do` returns; None where it raised."""
        try:
            with torch._C.DisableTorchFunction(), unseen():
                return do()
        except GradcheckLMError as error:
            self.troubles.append(str(error))
        except Exception as error:
            self.troubles.append(
                f"{type(error).__name__}: {error}: this is a fault of gradcheck_lm, the script is not to blame"
            )
        return None
