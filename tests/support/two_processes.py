"""One process of a training run on two (gloo): started twice by test_lab_processes.py.

Usage: python two_processes.py RANK FILE FOLDER SCENARIO, where FILE is a path both share (it holds no port to clash).
"""

from __future__ import annotations

import datetime
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors.torch import save_file
from tiny_runs import CASES, Vowels, case_data, case_trainer, tiny_data, tiny_trainer

from gradcheck_lm.errors import DataError, GradcheckLMError, RunStopped
from gradcheck_lm.lab.folder.folder_lock import locked
from gradcheck_lm.lab.machine.processes import shared_language_model


def gradients(rank: int, folder: Path) -> None:
    """One step of every case, and three more: gradients, records and weights go to FOLDER."""
    for name in CASES:
        counting = Vowels()
        trainer = case_trainer(name, case_data(name), language_model=shared_language_model(counting))
        record = trainer.run(until=1).records[0]
        found = {
            key: parameter.grad for key, parameter in trainer.bare.named_parameters() if parameter.grad is not None
        }
        save_file({key: value.clone() for key, value in found.items()}, folder / f"{name}-{rank}.safetensors")
        trainer = case_trainer(name, case_data(name), language_model=shared_language_model(Vowels()))
        trainer.run()
        save_file(
            {key: value.clone() for key, value in trainer.bare.state_dict().items()},
            folder / f"{name}-{rank}-weights.safetensors",
        )
        (folder / f"{name}-{rank}.json").write_text(json.dumps({"record": record, "asked": counting.asked}))


def resumed(rank: int, folder: Path) -> None:
    """A run with dropout, whole and in two parts."""
    data = tiny_data()
    tiny_trainer(data, folder / "whole", steps=6).run()
    tiny_trainer(data, folder / "parts", steps=6).run(until=3)
    torch.rand(7 + rank)
    assert tiny_trainer(data, folder / "parts", steps=6).run().resumed_from == 3


class Failing:
    """Lines that only one process can read."""

    def __init__(self, data: Any, rank: int) -> None:
        self.data, self.rank = data, rank

    def __len__(self) -> int:
        return len(self.data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)

    def batch(self, step: int, *arguments: Any, **options: Any) -> Any:
        if step == 2 and self.rank == 1:
            raise DataError("lines/b.png is missing")
        return self.data.batch(step, *arguments, **options)


def together(rank: int, folder: Path) -> None:
    """What stops one process stops both, with a sentence on each."""
    data, told = tiny_data(), {}
    with locked(folder / "held") if rank == 0 else locked(folder / "another"):
        dist.barrier()
        try:
            tiny_trainer(data, folder / "held").run()
        except GradcheckLMError as error:
            told["held"] = str(error)
    try:
        tiny_trainer(Failing(data, rank), folder / "lost").run()
    except GradcheckLMError as error:
        told["lost"] = str(error)
    trainer = tiny_trainer(data, folder / "stopped", checkpoint_every=0)
    if rank == 1:
        trainer.on_step = lambda record: os.kill(os.getpid(), signal.SIGTERM) if record["step"] == 2 else None
    try:
        trainer.run()
    except RunStopped as error:
        told["stopped"] = str(error)
    try:
        tiny_trainer(data, None, batch_size=1)
    except GradcheckLMError as error:
        told["small"] = str(error)
    (folder / f"told-{rank}.json").write_text(json.dumps(told))


def main(rank: int, file: str, folder: Path, scenario: str) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    # accelerate asks for an address and then uses the group that is there; nothing listens here
    os.environ |= {"ACCELERATE_USE_CPU": "true", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2, timeout=datetime.timedelta(seconds=300)
    )
    try:
        {"gradients": gradients, "resumed": resumed, "together": together}[scenario](rank, folder)
        dist.barrier()
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4])
