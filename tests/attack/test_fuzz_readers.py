"""Every reader on spoiled files: a result or one of our own sentences, nothing else, and soon.

The default suite spoils the same few hundred files each time. To explore, for so many seconds a reader:

    GRADCHECK_LM_FUZZ_SECONDS=900 python -m pytest -m nightly tests/attack/test_fuzz_readers.py
"""

from __future__ import annotations

import os
import random
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzz_reader import Reader
from fuzz_readers import READERS
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from gradcheck_lm.errors import GradcheckLMError

SECONDS = float(os.environ.get("GRADCHECK_LM_FUZZ_SECONDS", "0"))
LONGEST = 20.0  # processor seconds that one file of some kilobytes may take, on a busy machine
# a plan is one to eight changes of four bytes each: which, where (two bytes), and with what. So drawn, an example costs
# less than reading it, and hypothesis can make a failing one small
PLANS = st.binary(min_size=4, max_size=32)


def spoiled(data: bytes, plan: bytes, words: tuple[bytes, ...]) -> bytes:
    """A good file changed at one to eight places."""
    for change in range(0, len(plan) - 3, 4):
        kind, high, low, what = plan[change : change + 4]
        place = (high << 8 | low) * len(data) >> 16
        piece = words[what % len(words)] if words and what < 160 else bytes([what])
        if kind % 5 == 0:
            data = data[:place] + piece + data[place:]
        elif kind % 5 == 1:
            data = data[:place] + piece + data[place + len(piece) :]
        elif kind % 5 == 2:
            data = data[:place] + (data[place + what % 40 + 1 :] if what < 250 else b"")
        elif kind % 5 == 3:
            data = data[:place] + data[place : place + what % 40 + 1] * 2 + data[place + what % 40 + 1 :]
        else:
            data = data[:place] + bytes(byte ^ 1 << what % 8 for byte in data[place : place + 1]) + data[place + 1 :]
    return data


def holds(reader: Reader, folder: Path, data: bytes) -> None:
    """Read; whatever is no error of ours comes through as it is."""
    began = time.process_time()
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()  # a run's state sets them
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is no traceback
            reader.read(folder, data)
    except GradcheckLMError:
        pass
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])
    assert time.process_time() - began < LONGEST


def explore(reader: Reader, folder: Path, examples: int, start: int | None) -> None:
    seeds = reader.seeds()

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=start is None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.integers(0, len(seeds) - 1), PLANS)  # the number of the file: hypothesis prints what it draws
    def check(good: int, plan: bytes) -> None:
        holds(reader, folder, reader.wrap(spoiled(seeds[good], plan, reader.words)))

    (check if start is None else seed(start)(check))()


def needs(reader: Reader) -> None:
    if reader.name in ("parquet", "saved data set"):
        pytest.importorskip("datasets", reason="needs the extra 'hub'")


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_good_files_are_read(reader: Reader, tmp_path: Path) -> None:
    needs(reader)
    for number, good in enumerate(reader.seeds()):
        folder = tmp_path / str(number)
        folder.mkdir()
        reader.read(folder, reader.wrap(good))


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_spoiled_files_end_in_a_sentence(reader: Reader, tmp_path: Path) -> None:
    needs(reader)
    explore(reader, tmp_path, reader.examples, None)


@pytest.mark.nightly
@pytest.mark.skipif(not SECONDS, reason="explores for GRADCHECK_LM_FUZZ_SECONDS seconds; that is not set")
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_spoiled_files_of_the_night(reader: Reader, tmp_path: Path) -> None:
    needs(reader)
    end = time.monotonic() + SECONDS
    rounds = 0
    while time.monotonic() < end:
        explore(reader, tmp_path, max(10, reader.examples), time.time_ns() + rounds)
        rounds += 1


def test_a_traceback_would_be_seen(tmp_path: Path) -> None:
    def read(folder: Path, data: bytes) -> None:
        data.decode("ascii")

    with pytest.raises(UnicodeDecodeError):
        explore(Reader("x", lambda: [b"good"], read), tmp_path, 200, None)
