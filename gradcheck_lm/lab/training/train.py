"""Training a recogniser from labelled lines: real ones in a folder, or synthetic ones."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser, save_checkpoint
from gradcheck_lm.htr.crnn import CONFIGS, CRNN, CRNNConfig
from gradcheck_lm.htr.lines import Line
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.buckets import frames_needed
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.deterministic import deterministic
from gradcheck_lm.lab.machine.processes import on_main, shared_language_model
from gradcheck_lm.lab.measuring.decoding import make_decoding
from gradcheck_lm.lab.measuring.reading import Quality, labelled_lines, measure
from gradcheck_lm.lab.measuring.unlabelled import read_unlabelled
from gradcheck_lm.lab.settings import TrainSettings
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, TrainingResult, make_accelerator
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.penalties import PENALTIES, make_penalty


@dataclass
class Trained:
    """A trained recogniser, its reading of the validation lines, and the run behind it."""

    model: CRNN
    charset: Charset
    quality: Quality
    result: TrainingResult
    checkpoint: Path


def train(
    settings: TrainSettings,
    config: TrainingConfig,
    out: str | Path,
    *,
    device: str | None = None,
    progress: Callable[[str], None],
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> Trained:
    """Train, validate now and then, and write `recogniser.safetensors`, `metrics.jsonl` and `training.json` to `out`.

    Called again with the same settings and folder, it goes on from the last checkpoint.

    Raises:
        ArgumentError: an `out` that would overwrite the recogniser to start from; labels too long for the width.
        DataError, CharsetError, CheckpointError, LanguageModelError, RunError: with what to mend.
    """
    check_unlabelled(settings)
    with deterministic(config.deterministic):
        return _train(settings, config, Path(out), device=device, progress=progress, on_step=on_step)


def _train(
    settings: TrainSettings,
    config: TrainingConfig,
    out: Path,
    *,
    device: str | None,
    progress: Callable[[str], None],
    on_step: Callable[[dict[str, Any]], None] | None,
) -> Trained:
    checkpoint = out / "recogniser.safetensors"
    if checkpoint.exists() and Path(settings.recogniser).exists() and checkpoint.samefile(settings.recogniser):
        raise ArgumentError(f"{checkpoint} is the recogniser to start from: give another --out, so that it is kept")
    model, charset = load_recogniser(settings.recogniser, seed=config.seed)
    if settings.width is not None:
        model = widen(model, settings.width)
    accelerator = make_accelerator(config, out, device)
    # what is called by a name comes first: a wrong one should not be told after minutes of rendering
    decoding = None
    if settings.unlabelled is not None:
        progress(f"loading the n-gram {settings.fuse}")
        decoding = make_decoding(settings.fuse, charset, weight=settings.fuse_weight, length_bonus=settings.fuse_bonus)
    penalty = None
    if settings.penalty is not None:
        progress(f"loading the language model {settings.lm}")
        loaded = load_language_model(settings.lm, device=accelerator.device)
        if isinstance(loaded, LanguageModel):
            loaded.replays = config.graphs
        language_model = shared_language_model(loaded)
        penalty = make_penalty(
            settings.penalty, language_model, charset, objective=_objective(settings.penalty), seed=config.seed
        )
    progress("preparing lines")
    data, validation = load_data(settings, model.config, charset, seed=config.seed, progress=progress)
    check_lengths(data, model.config, progress)
    if settings.unlabelled is not None and decoding is not None:
        reader = copy.deepcopy(model).to(accelerator.device)
        lines = read_unlabelled(reader, charset, settings.unlabelled, decoding, tags=settings.tags, progress=progress)
        data = PartlyLabelled(data, lines.data, readings=lines.readings)
    trainer = Trainer(
        model,
        labelled(charset, penalty, settings.lm_weight),
        data,
        config,
        folder=out,
        accelerator=accelerator,
        generators={"penalty": penalty.generator} if penalty is not None else {},
        identity=settings.identity(),
        probe=lambda bare: {"cer": measure(bare, validation, charset).cer},
        probe_every=settings.validation_every,
        on_step=on_step,
    )
    progress(f"training on {len(data)} lines, {config.steps} steps of {config.batch_size}")
    result = trainer.run()
    if result.resumed_from:
        progress(f"went on from step {result.resumed_from} of {out}")
    bare = trainer.accelerator.unwrap_model(trainer.model).eval()
    progress(f"reading {len(validation)} validation lines")
    quality = measure(bare, validation, charset)
    report = {
        "settings": dataclasses.asdict(settings),
        "config": dataclasses.asdict(config),
        "lines": len(data),
        "validation_lines": len(validation),
        "cer": quality.cer,
        "wer": quality.wer,
        "seconds_per_step": result.seconds_per_step,
        "seconds": sum(record["seconds"] for record in result.records),
        "data_share": result.data_share,
        "curve": [
            {"step": record["step"], "ctc": record["terms"]["ctc"]["value"], **record["probe"]}
            for record in result.records
            if "probe" in record
        ],
    }

    def write() -> None:
        save_checkpoint(bare, charset, checkpoint, extra={"cer": f"{quality.cer:.4f}"}, half=settings.half)
        write_text_atomic(out / "training.json", json.dumps(report, indent=2) + "\n")

    on_main(write)
    return Trained(bare, charset, quality, result, checkpoint)


def check_unlabelled(settings: TrainSettings) -> None:
    """Raise ArgumentError where lines without labels cannot be used: no recogniser that reads, a penalty, buckets."""
    if settings.unlabelled is None:
        return
    if settings.recogniser in CONFIGS:
        raise ArgumentError(
            f"--unlabelled needs a recogniser that reads already, and {settings.recogniser!r} is a fresh one: train on "
            "the labels first, then give that checkpoint as --recogniser"
        )
    if settings.penalty is not None or settings.buckets:
        other = "--penalty" if settings.penalty is not None else "--buckets"
        raise ArgumentError(f"--unlabelled and {other} cannot be had together: leave one out")


def check_lengths(data: LineData, config: CRNNConfig, progress: Callable[[str], None]) -> None:
    """Say so where labels are longer than the recogniser can write: CTC needs a frame a character, and one more
    between equal neighbours, and gives such a line neither a loss nor a gradient.

    Raises:
        ArgumentError: this is so for every line.
    """
    frames = config.frames()
    needed = [frames_needed(text) for text in data.texts]
    long = [name for name, count in zip(data.names, needed, strict=True) if count > frames]
    if not long:
        return
    told = (
        f"{len(long)} of {len(data)} labels need more than the {frames} frames that {config.width} pixels of width "
        f"give (the longest needs {max(needed)}; the first is {long[0]})"
    )
    if len(long) == len(data):
        raise ArgumentError(f"{told}: give a larger --width")
    progress(f"{told}: they teach nothing; a larger --width would mend that")


def _objective(penalty: str) -> str:
    """The story's hinge; of a penalty that is made for other objectives, the first of those."""
    known = PENALTIES[penalty].objectives
    return "hinge" if "hinge" in known else known[0]


def widen(model: CRNN, width: int) -> CRNN:
    """The same recogniser for wider or narrower pictures: no weight depends on the width."""
    wider = CRNN(dataclasses.replace(model.config, width=width))
    wider.load_state_dict(model.state_dict())
    return wider


def load_data(
    settings: TrainSettings,
    config: CRNNConfig,
    charset: Charset,
    *,
    seed: int,
    progress: Callable[[str], None] | None = None,
) -> tuple[LineData, LineData]:
    """Training and validation lines; `progress` is told what was left out and why."""
    buckets = settings.buckets

    def made(lines: Sequence[Line], buckets: int = 0) -> LineData:
        return LineData(lines, config, charset, buckets=buckets, progress=progress)

    if settings.data == "synthetic":
        texts = {split: mixed_texts(settings, charset, split, seed=seed) for split in ("train", "test")}
        if settings.lines < 1:
            raise ArgumentError(f"--lines is {settings.lines}; at least one line is needed")
        train_lines = SyntheticLines(texts["train"], TRAINING_HANDS, settings.lines, seed)
        held_back = SyntheticLines(texts["test"], TRAINING_HANDS, 256, seed + 1)
        return made(train_lines, buckets), made(held_back)

    def labelled_part(source: str, split: str | None) -> list[Line]:
        chosen: dict[str, Any] = {"split": split, "ok_only": settings.ok_only, "tags": settings.tags}
        return labelled_lines(source, charset, drop_unknown=settings.drop_unknown, progress=progress, **chosen)

    lines = labelled_part(settings.data, settings.split)
    if settings.validation is not None:
        others = labelled_part(settings.validation, settings.validation_split)
        return made(lines, buckets), made(others)
    if len(lines) < 10:
        raise DataError(f"{settings.data} has {len(lines)} lines: at least 10 are needed, or give --validation FOLDER")
    order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(0)).tolist()
    cut = len(lines) // 10
    return made([lines[i] for i in sorted(order[cut:])], buckets), made([lines[i] for i in sorted(order[:cut])])


def mixed_texts(settings: TrainSettings, charset: Charset, split: str, *, seed: int) -> list[str]:
    """Texts from all sources in equal parts, so that a long source does not drown the others."""
    share = max(1, settings.lines // len(settings.texts))
    found: list[str] = []
    for name in settings.texts:
        lines = load_sentences(name, charset=charset, split=split)
        found += random.Random(seed).sample(lines, min(share, len(lines)))
    return found
