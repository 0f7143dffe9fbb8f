"""`train` and `train-lm`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from gradcheck_lm.commands.common import StepProgress, note, say, show_json
from gradcheck_lm.commands.data import Device, Json
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.settings import TRAINING, TrainSettings
from gradcheck_lm.options import Option

Text = Annotated[
    tuple[str, ...],
    Option(
        "'stdlib', 'bible', 'docstrings', a text file or a folder of them. Repeatable; by default the first two.",
        name="text",
        suggestions=("stdlib", "bible", "docstrings"),
    ),
]


def train(
    out: Annotated[Path, Option("Folder for the checkpoint, the metrics and the state to resume from.", metavar="DIR")],
    settings: TrainSettings = TrainSettings(),
    config: TrainingConfig = TRAINING,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Train a recogniser on labelled lines. Interrupt it and call it again: it goes on where it was."""
    from gradcheck_lm.draw.terminal.terminal import progress
    from gradcheck_lm.lab.comparing.sentences import percent
    from gradcheck_lm.lab.training.train import train as train_recogniser

    if settings.validation:  # as it stands in the states of runs from before: without a slash at its end
        settings = dataclasses.replace(settings, validation=str(Path(settings.validation)))
    with progress("training", config.steps) as tick:

        def told(record: dict) -> str:
            probe = f" CER {percent(record['probe']['cer'])} %" if "probe" in record else ""
            return f"loss {record['total']:.3f}{probe}"

        trained = train_recogniser(
            settings, config, out, device=device, progress=note, on_step=StepProgress(tick, told)
        )
    if json_output:
        show_json({"checkpoint": str(trained.checkpoint), **trained.quality.to_dict()})
        return
    say(f"CER {percent(trained.quality.cer)} %, WER {percent(trained.quality.wer)} % on the validation lines")
    say(f"recogniser: {trained.checkpoint}")


def train_lm(
    out: Annotated[Path, Option("Folder for the model; use it as --lm FOLDER.", metavar="DIR")],
    text: Text = (),
    steps: Annotated[int, Option("Training steps.", least=1)] = 7000,
    seed: Annotated[int, Option("Seed of weights and order.", least=0)] = 0,
    json_output: Annotated[bool, Option("Print the training curve as JSON.", name="json", switch=True)] = False,
) -> None:
    """Train a small character language model from any text, for quick runs. 7000 steps take about 15 minutes."""
    from gradcheck_lm.htr.synthetic.text import read_paragraphs
    from gradcheck_lm.lm.char import CharConfig, save_char_model, train_char_model

    paragraphs = [paragraph for name in text or ("stdlib", "bible") for paragraph in read_paragraphs(name)]
    note(f"{sum(map(len, paragraphs))} characters of text; a fifth of the paragraphs is held out")
    model, curve = train_char_model(
        paragraphs,
        CharConfig(steps=steps, seed=seed),
        progress=lambda point: note(
            f"step {point['step']:.0f}: {point['held_out_loss']:.3f} nats per held-out character"
        ),
    )
    save_char_model(model, out, curve)
    if json_output:
        show_json(curve)
        return
    say(f"held-out text: {curve['points'][-1]['held_out_loss']:.3f} nats per character")
    say(f"use it with: --lm {out}")
