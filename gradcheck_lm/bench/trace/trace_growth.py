"""What a recording holds and how long it takes, by the number of operations."""

from __future__ import annotations

import gc
import time
import tracemalloc

import torch

from gradcheck_lm.flow.diagnose import record


def growth(counts: tuple[int, ...]) -> list[dict[str, float]]:
    """Recording N small operations: seconds and bytes an operation, with the plain program beside them."""

    def program(count: int) -> None:
        value = torch.ones(4, requires_grad=True)
        total = value
        for _ in range(count // 2):
            total = total * 0.999 + value

    rows = []
    for count in counts:
        began = time.process_time()
        program(count)
        plain = time.process_time() - began
        began = time.process_time()
        with record():
            program(count)
        watched = time.process_time() - began
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        with record() as run:
            program(count)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        calls = len(run.recorder.recording.calls)
        rows.append(
            {"operations": calls, "plain_us": 1e6 * plain / calls, "recorded_us": 1e6 * watched / calls,
             "bytes": held / calls}
        )  # fmt: skip
    return rows
