"""One point of the benchmark `scale`, in a process of its own: `python -m gradcheck_lm.bench.scale.scale_points JSON`.

Memory is what the process takes beyond what it held before the work began, at its highest, and its highest of all.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gradcheck_lm.bench.timing import kept_mb
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig
from gradcheck_lm.htr.lines import write_labels_tsv
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.memory import peak_memory_mb, reset_peak_memory
from gradcheck_lm.lab.measuring.metrics import LineErrors, bootstrap_interval, character_errors
from gradcheck_lm.lab.measuring.reading import labelled_lines, measure
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.train import widen
from gradcheck_lm.lab.training.trainer import Trainer
from gradcheck_lm.penalties import make_penalty

Figures = dict[str, Any]
# so small that what an epoch costs is the way of the lines through the trainer, not the network
TINY = CRNNConfig("tiny", 32, 256, 4, ((1, 8), (1, 16)), 1, 16, 0.0, 0.0)
BATCH = 64  # lines in a step of an epoch


def step(spec: Figures) -> Figures:
    """A training step of the recogniser that ships: N `lines`, `width` pixels, K `samples`, a language model `lm`."""
    model, charset = load_recogniser("synthetic")
    model = widen(model, spec["width"])
    texts = load_sentences("stdlib", charset=charset)
    data = LineData(SyntheticLines(texts, TRAINING_HANDS, spec["lines"], 0), model.config, charset)
    found: Figures = {"frames": model.config.frames()}
    penalty = None
    if spec["penalty"] is not None:
        from gradcheck_lm.lm import load_language_model

        language_model = load_language_model(spec["lm"], device=spec["device"], dtype=spec.get("dtype"))
        if isinstance(module := getattr(language_model, "module", None), torch.nn.Module):
            found["lm_parameters"] = sum(weight.numel() for weight in module.parameters())
            found["lm_dtype"] = str(language_model.dtype).removeprefix("torch.")
        penalty = make_penalty(spec["penalty"], language_model, charset, samples=spec["samples"])
    terms = labelled(charset, penalty, 0.1)
    settings: Figures = {"schedule": "constant", "learning_rate": 1e-6, "clip_norm": 5.0, "augment": True}
    config = TrainingConfig(steps=1 + spec["repeats"], batch_size=spec["lines"], **settings)
    Trainer(model, terms, data.first(2), dataclasses.replace(config, steps=1, batch_size=2)).run()  # loads libraries
    clocks: list[tuple[float, float]] = []
    trainer = Trainer(model, terms, data, config, on_step=lambda _: clocks.append(now()))
    memory = Memory(trainer.accelerator.device)
    trainer.run()
    found |= memory.figures()
    batch = data.batch(0, spec["lines"], seed=0, device=trainer.accelerator.device)
    found["kept_mb"] = kept_mb(lambda: terms(trainer.model, batch).total.backward(), besides=model.parameters())
    # from the end of each step to the end of the next: the first one finds and warms up kernels
    seconds, cpu_seconds = (statistics.median(b[i] - a[i] for a, b in pairwise(clocks)) for i in range(2))
    return {**found, "seconds": seconds, "cpu_seconds": cpu_seconds}


def epoch(spec: Figures) -> Figures:
    """A whole epoch over a folder: opened, prepared with pixels `kept` or not, trained. A small one before it loads the
    libraries."""
    one_epoch(spec["warm_up"], kept=spec["kept"])
    return one_epoch(spec["folder"], kept=spec["kept"])


def one_epoch(folder: str, *, kept: bool) -> Figures:
    """An epoch of the smallest recogniser, with what a folder of a run keeps."""
    charset = Charset.standard()
    memory = Memory(torch.device("cpu"))
    began, busy = now()
    lines = labelled_lines(folder, charset)
    opened = time.perf_counter()
    data = LineData(lines, TINY, charset, kept=None if kept else 0)
    del lines
    prepared = time.perf_counter()
    config = TrainingConfig(steps=len(data) // BATCH, batch_size=BATCH, checkpoint_every=200, augment=True)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as out:
        trainer = Trainer(CRNN(TINY), labelled(charset, None, 0.0), data, config, folder=out)
        records = trainer.run().records
        ended, spent = now()
    return {
        **memory.figures(),
        "seconds": ended - began,
        "cpu_seconds": spent - busy,
        "opening_seconds": opened - began,
        "preparing_seconds": prepared - opened,
        "training_seconds": ended - prepared,
        "step_seconds": statistics.median(record["seconds"] for record in records),
    }


def evaluate(spec: Figures) -> Figures:
    """`evaluate` of a folder with the recogniser that ships, lines read from disk when they are taken."""
    model, charset = load_recogniser("synthetic")
    model.eval()

    def read_all(folder: str) -> None:
        measure(model, LineData(labelled_lines(folder, charset), model.config, charset, kept=0), charset)

    read_all(spec["warm_up"])
    return work_on(lambda: read_all(spec["folder"]))


def look(spec: Figures) -> Figures:
    """One look of `adapt` at a folder, by the default rule, with the language model `char`."""
    from gradcheck_lm.lab.adapting.drift import DriftWatch, StopRule
    from gradcheck_lm.lm import load_language_model

    model, charset = load_recogniser("synthetic")
    data = LineData(labelled_lines(spec["folder"], charset), model.config, charset, kept=0)
    with tempfile.TemporaryDirectory() as out:
        watch = DriftWatch(model, charset, data, load_language_model("char", device="cpu"), StopRule(), out)
        return work_on(lambda: watch.look(model), repeats=2)


def errors(spec: Figures) -> Figures:
    """Character errors of `lines` readings."""
    labels, readings = misread(spec["lines"])
    return work_on(lambda: character_errors(labels, readings))


def bootstrap(spec: Figures) -> Figures:
    """The paired interval of a change over `lines` lines, 2,000 resamples."""
    generator = random.Random(0)
    sides = [np.array([generator.randrange(6) for _ in range(spec["lines"])]) for _ in range(2)]
    before, after = (LineErrors(side, np.full(spec["lines"], 25)) for side in sides)
    return work_on(lambda: bootstrap_interval(before, after))


def mistakes(spec: Figures) -> Figures:
    """Alignments, confusions and wrong words of `lines` readings."""
    from gradcheck_lm.lab.measuring.mistakes import find_mistakes

    labels, readings = misread(spec["lines"])
    return work_on(lambda: find_mistakes(labels, readings))


def page(spec: Figures) -> Figures:
    """`adapt`'s page of `lines` readings before and after."""
    from gradcheck_lm.lab.measuring.reading_pairs import readings_page

    before, after = misread(spec["lines"])
    rows = [{"image": f"{i}.png", "before": a, "after": b} for i, (a, b) in enumerate(zip(before, after, strict=True))]
    return work_on(lambda: readings_page(rows))


def misread(count: int) -> tuple[list[str], list[str]]:
    """Lines of prose, and the same with every tenth character misread."""
    texts, generator = load_sentences("stdlib"), random.Random(0)
    letters = "etaoinshrdlu"
    labels = [f"{texts[i % len(texts)]} {i}" for i in range(count)]
    return labels, ["".join(generator.choice(letters) if generator.random() < 0.1 else c for c in s) for s in labels]


class Memory:
    """What the process takes from here on."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        reset_peak_memory(device)
        self.start = peak_memory_mb(device)

    def figures(self) -> Figures:
        """Megabytes: beyond the start, and of the whole process."""
        highest = max(self.start, peak_memory_mb(self.device))
        unit = 1 if sys.platform == "darwin" else 1024
        process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
        return {"memory_mb": highest - self.start, "process_mb": max(process, highest)}


def work_on(work: Callable[[], Any], *, repeats: int = 1) -> Figures:
    """Seconds of one call (the median of `repeats`), and the memory of the first."""
    memory, clocks, found = Memory(torch.device("cpu")), [now()], {}
    for turn in range(repeats):
        work()
        clocks.append(now())
        if turn == 0:
            found = memory.figures()
    seconds, cpu_seconds = (statistics.median(b[i] - a[i] for a, b in pairwise(clocks)) for i in range(2))
    return {**found, "seconds": seconds, "cpu_seconds": cpu_seconds}


def now() -> tuple[float, float]:
    """Seconds on the clock, and of the processor in all threads of this process: a busy machine stretches the first."""
    return time.perf_counter(), time.process_time()


def write_lines(folder: Path, count: int, pictures: int = 64) -> None:
    """A folder with labels.tsv of `count` lines, whose files are links to a few pictures of synthetic lines."""
    few = SyntheticLines(load_sentences("stdlib", split="test"), TRAINING_HANDS, pictures, 0)
    write_labels_tsv(few, folder / "few")
    texts = [line.text for line in few]
    for index in range(count):
        os.link(folder / "few" / f"{index % pictures:05d}.png", folder / f"{index}.png")
    rows = (f"{index}.png\t{texts[index % pictures]}\n" for index in range(count))
    write_text_atomic(folder / "labels.tsv", "".join(rows))


def write_lm(folder: Path, width: int, layers: int) -> None:
    """A causal character model with random weights, in the form of the one that ships."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from gradcheck_lm.lm.load import CHAR_FOLDER

    characters = json.loads((CHAR_FOLDER / "characters.json").read_text(encoding="utf-8"))["characters"]
    config = GPT2Config(
        vocab_size=len(characters) + 2, n_embd=width, n_layer=layers, n_head=width // 32, n_positions=256,
        bos_token_id=len(characters), eos_token_id=len(characters),
    )  # fmt: skip
    torch.manual_seed(0)
    GPT2LMHeadModel(config).save_pretrained(folder)
    shutil.copyfile(CHAR_FOLDER / "characters.json", folder / "characters.json")


KINDS: dict[str, Callable[[Figures], Figures]] = {
    kind.__name__: kind for kind in (step, epoch, evaluate, look, errors, bootstrap, mistakes, page)
}


if __name__ == "__main__":
    from gradcheck_lm.commands.common import quiet_libraries

    quiet_libraries()
    asked = json.loads(sys.argv[1])
    print(json.dumps(KINDS[asked["kind"]](asked)))
