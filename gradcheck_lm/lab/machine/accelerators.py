"""accelerate's view of the machine: device, precision, processes and trackers of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from accelerate.utils import LoggerType

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.machine.devices import launched, wanted_device, with_index
from gradcheck_lm.options import listed


def make_accelerator(
    config: TrainingConfig,
    folder: str | Path | None = None,
    device: torch.device | str | None = None,
    *,
    unused: bool = False,
) -> Accelerator:
    """accelerate's device, precision, processes and trackers for a run.

    Args:
        folder: where trackers write.
        device: "cpu" keeps it off a GPU, "cuda:1" takes the second one, "cuda" and "mps" any of their kind; None: the
            best there is. Where `accelerate launch` started several processes, each takes the GPU of its rank.
        unused: some weights get no gradient (adapting leaves the shortcut head alone), which torch's data parallelism
            refuses unless it is told.
    Raises:
        ArgumentError: no device, or one GPU by number for several processes; a tracker that accelerate does not know.
    """
    wanted = wanted_device(device)
    known = {str(kind.value) for kind in LoggerType}
    if unknown := [name for name in config.trackers if name not in known]:
        raise ArgumentError(f"--tracker is {unknown[0]!r}; accelerate knows {listed(tuple(sorted(known - {'all'})))}")
    if AcceleratorState._shared_state:
        # accelerate keeps one state a process and refuses another precision or device: start it anew
        present = AcceleratorState()
        if present.mixed_precision != config.mixed_precision or not _fits(present.device, wanted):
            AcceleratorState._reset_state(reset_partial_state=present.num_processes == 1)
    with _chosen(wanted):
        return Accelerator(
            cpu=wanted is not None and wanted.type == "cpu",
            mixed_precision=config.mixed_precision,
            log_with=list(config.trackers) or None,
            project_dir=str(folder) if folder else None,
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused)],
        )


def _fits(present: torch.device, wanted: torch.device | None) -> bool:
    if wanted is None:
        return present.type != "cpu" or not torch.cuda.is_available()
    if present.type != wanted.type:
        return False
    return wanted.index is None or wanted == with_index(present)


@contextmanager
def _chosen(wanted: torch.device | None) -> Iterator[None]:
    """accelerate reads a device by number from the environment and nowhere else."""
    if wanted is None and torch.cuda.is_available():
        wanted = torch.device("cuda")  # what accelerate would take, but by its number
    if wanted is None or wanted.type == "cpu" or launched() > 1:
        yield
        return
    name, before = "ACCELERATE_TORCH_DEVICE", os.environ.get("ACCELERATE_TORCH_DEVICE")
    wanted = with_index(wanted)
    if wanted.type == "cuda" and wanted.index is not None:
        torch.cuda.set_device(wanted)  # for what is made without naming a device
    os.environ[name] = str(wanted)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
