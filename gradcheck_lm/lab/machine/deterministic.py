"""The same bits each time: torch told to take algorithms whose sums have one order, for as long as a run lasts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from gradcheck_lm.errors import RunError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_ONE_ORDER = ":4096:8"  # cuBLAS takes turns in eight workspaces of its own, and no stream adds up in another's
_REFUSED = re.compile(r"^(\S+) does not have a deterministic implementation")


@contextmanager
def deterministic(wanted: bool = True) -> Iterator[None]:
    """Inside, two equal runs on one device end with the same bits; afterwards torch is as it was, also after an error.

    cuBLAS reads its setting when it is first used: enter this before anything is computed on a GPU. Whether it did hold
    is for an arm to show that is run twice.

    Args:
        wanted: False changes nothing, nor does it undo a block around this one.
    Raises:
        RunError: something inside has no such algorithm on this device.
    """
    if not wanted:
        yield
        return
    before = os.environ.get(WORKSPACE)
    cudnn = torch.backends.cudnn
    filling: Any = torch.utils.deterministic  # a module whose attributes are properties
    flags = cudnn.deterministic, cudnn.benchmark, filling.fill_uninitialized_memory
    mode = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        os.environ.setdefault(WORKSPACE, _ONE_ORDER)
        # what is not written yet is not read here: filling it would only cost time
        cudnn.deterministic, cudnn.benchmark, filling.fill_uninitialized_memory = True, False, False
        torch.use_deterministic_algorithms(True)  # an error and no warning, so that nothing goes unseen
        yield
    except RuntimeError as error:
        if refused := _REFUSED.match(str(error)):
            raise RunError(
                f"{refused[1]} cannot be computed in one order on this device, so that a second run would end with "
                "other bits: give --no-deterministic (deterministic=False) to run it all the same, or --device cpu"
            ) from error
        raise
    finally:
        torch.use_deterministic_algorithms(mode[0], warn_only=mode[1])
        cudnn.deterministic, cudnn.benchmark, filling.fill_uninitialized_memory = flags
        if before is None:
            os.environ.pop(WORKSPACE, None)
