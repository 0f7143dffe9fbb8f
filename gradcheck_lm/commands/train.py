"""`train` and `train-lm`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_lm.commands.common import StepProgress, note, say, show_json
from gradcheck_lm.commands.data import LINES, OkOnly, Split, Tags
from gradcheck_lm.commands.read import DropUnknown


def train(
    out: Annotated[Path, typer.Option(help="Folder for the checkpoint, the metrics and the state to resume from.")],
    data: Annotated[str, typer.Option(help=f"'synthetic', or lines. {LINES}")] = "synthetic",
    validation: Annotated[
        Path | None, typer.Option(help="Lines to validate on, as --data; by default a tenth of the data.")
    ] = None,
    split: Split = None,
    validation_split: Annotated[str | None, typer.Option(help="As --split, of the lines to validate on.")] = None,
    ok_only: OkOnly = False,
    tags: Tags = None,
    recogniser: Annotated[
        str, typer.Option(help="'small', 'full', 'synthetic' (the one that ships), or a checkpoint to go on from.")
    ] = "small",
    drop_unknown: DropUnknown = False,
    width: Annotated[int | None, typer.Option(help="Image width in pixels; by default the recogniser's own.")] = None,
    lines: Annotated[int, typer.Option(help="How many synthetic lines to render.")] = 12_000,
    texts: Annotated[
        list[str] | None,
        typer.Option(help="Text of synthetic lines: 'stdlib', 'bible', 'figures', or a file. Repeatable."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Training steps.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="Lines in a step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="Highest learning rate.")] = 2e-3,
    weight_decay: Annotated[float, typer.Option(help="AdamW's weight decay.")] = 5e-5,
    schedule: Annotated[str, typer.Option(help="'one_cycle', 'milestones' (x0.1 at 50 % and 75 %) or 'constant'.")] = (
        "one_cycle"
    ),
    augment: Annotated[bool, typer.Option(help="Slant, scale and shift the lines at random.")] = True,
    penalty: Annotated[
        str | None,
        typer.Option(
            help="Add a language-model penalty: 'policy_gradient', 'soft_embedding', ...; a wrong name lists all."
        ),
    ] = None,
    lm: Annotated[
        str, typer.Option(help="'char', 'ngram', 'smollm2', 'gpt2', or a folder with a causal LM or an n-gram.")
    ] = "char",
    lm_weight: Annotated[float, typer.Option(help="Weight of the penalty in the loss.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and augmentation.")] = 0,
    validation_every: Annotated[int, typer.Option(help="Steps between validations; 0: none on the way.")] = 200,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between saved states; 0: only at the end.")] = 200,
    attribute_every: Annotated[
        int, typer.Option(help="Steps between measurements of each term's gradient; 0: never.")
    ] = 0,
    mixed_precision: Annotated[str, typer.Option(help="'no', 'bf16' or 'fp16'.")] = "no",
    unlabelled: Annotated[
        str | None,
        typer.Option(
            help="More lines of the hand without labels, as --data: --recogniser reads them with --fuse, and CTC "
            "learns from that too. docs/runs.md says what it gave."
        ),
    ] = None,
    fuse: Annotated[str, typer.Option(help="Of --unlabelled: 'ngram', or a folder that `train-ngram` made.")] = "ngram",
    fuse_weight: Annotated[float, typer.Option(help="Of --unlabelled: weight of the n-gram's cost.")] = 0.3,
    fuse_bonus: Annotated[float, typer.Option(help="Of --unlabelled: nats that each character is given.")] = 0.6,
    buckets: Annotated[
        int, typer.Option(help="Sort lines into so many widths; a batch is as wide as its widest line. 0: full width.")
    ] = 0,
    prefetch: Annotated[
        int, typer.Option(help="Batches that a thread prepares ahead; 0: none. Changes no result.")
    ] = 2,
    workers: Annotated[
        int | None,
        typer.Option(help="Threads that read lines from files; by default one, for a GPU several.", show_default=False),
    ] = None,
    fused: Annotated[
        bool | None, typer.Option(help="The optimizer's update as one kernel; by default on a GPU.", show_default=False)
    ] = None,
    compile_model: Annotated[
        bool, typer.Option("--compile", help="Use torch.compile for the convolutions. Starting takes a minute or more.")
    ] = False,
    deterministic: Annotated[
        bool,
        typer.Option("--deterministic", help="Algorithms that give the same bits each time; only a GPU has others."),
    ] = False,
    tracker: Annotated[
        list[str] | None,
        typer.Option(help="Also log to one of accelerate's trackers: 'tensorboard', 'wandb', ... Repeatable."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="'cpu' or 'cuda'; by default the best there is.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a recogniser on labelled lines. Interrupt it and call it again: it goes on where it was."""
    from gradcheck_lm.draw.terminal import progress
    from gradcheck_lm.lab.comparing.report import percent
    from gradcheck_lm.lab.config import TrainingConfig
    from gradcheck_lm.lab.training.train import TrainSettings
    from gradcheck_lm.lab.training.train import train as train_recogniser

    settings = TrainSettings(
        data=data,
        validation=str(validation) if validation else None,
        split=split,
        validation_split=validation_split,
        ok_only=ok_only,
        tags=tuple(tags or ()),
        recogniser=recogniser,
        width=width,
        lines=lines,
        texts=tuple(texts or ("stdlib", "bible", "figures")),
        penalty=penalty,
        lm=lm,
        lm_weight=lm_weight,
        validation_every=validation_every,
        drop_unknown=drop_unknown,
        buckets=buckets,
        unlabelled=unlabelled,
        fuse=fuse,
        fuse_weight=fuse_weight,
        fuse_bonus=fuse_bonus,
    )
    config = TrainingConfig(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        schedule=schedule,
        clip_norm=5.0,
        seed=seed,
        augment=augment,
        checkpoint_every=checkpoint_every,
        attribute_every=attribute_every,
        mixed_precision=mixed_precision,
        trackers=tuple(tracker or ()),
        prefetch=prefetch,
        workers=workers,
        fused=fused,
        compile=compile_model,
        deterministic=deterministic,
    )
    with progress("training", steps) as tick:

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
    out: Annotated[Path, typer.Option(help="Folder for the model; use it as --lm FOLDER.")],
    text: Annotated[
        list[str] | None,
        typer.Option(help="'stdlib', 'bible', a text file or a folder of them. Repeatable; by default the first two."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Training steps.")] = 7000,
    seed: Annotated[int, typer.Option(help="Seed of weights and order.")] = 0,
    json_output: Annotated[bool, typer.Option("--json", help="Print the training curve as JSON.")] = False,
) -> None:
    """Train a small character language model from any text, for quick runs. 7000 steps take about 15 minutes."""
    from gradcheck_lm.htr.text import read_paragraphs
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
