"""`evaluate`, `transcribe`, `lm-table` and `mistakes`: what a recogniser reads, and what it reads wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gradcheck_lm.commands.common import note, say, show_json

Data = Annotated[Path, typer.Argument(help="A folder with images and labels.tsv (file, tab, text).")]
Recogniser = Annotated[str, typer.Option(help="A checkpoint, or 'synthetic' (the one that ships).")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Limit = Annotated[int | None, typer.Option(help="Read only the first so many lines.")]
DropUnknown = Annotated[
    bool,
    typer.Option("--drop-unknown", help="Leave characters that the recogniser cannot write out of the labels."),
]
Device = Annotated[str | None, typer.Option(help="'cpu' or 'cuda'; by default the best there is.")]


def load(recogniser: str, device: str | None) -> tuple[Any, Any]:
    """A recogniser on its device, and its charset."""
    import torch

    from gradcheck_lm.lab.compare import load_recogniser

    model, charset = load_recogniser(recogniser)
    return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval(), charset


def read_folder(
    data: Path, recogniser: str, device: str | None, *, limit: int | None = None, drop_unknown: bool = False
) -> tuple[list[str], list[str]]:
    """Labels and readings of a labelled folder."""
    from gradcheck_lm.lab.reading import labelled_lines

    model, charset = load(recogniser, device)
    lines = labelled_lines(data, charset, drop_unknown=drop_unknown, limit=limit)
    return [line.text or "" for line in lines], read_lines(model, charset, lines)


def read_lines(model: Any, charset: Any, lines: Sequence[Any]) -> list[str]:
    """Readings of lines, with progress where there are many."""
    from gradcheck_lm.draw.terminal import progress
    from gradcheck_lm.lab.data import LineData
    from gradcheck_lm.lab.reading import read

    with progress("reading", len(lines), enabled=len(lines) > 64) as tick:
        if len(lines) > 64:
            note(f"preparing {len(lines)} lines")
        data = LineData(lines, model.config, charset, clean=True)
        return read(model, data, charset, on_lines=tick)


def evaluate(
    data: Data,
    recogniser: Recogniser = "synthetic",
    lm: Annotated[
        str | None,
        typer.Option(
            help="Also print nats per character of a language model: 'smollm2', 'gpt2', 'char', or a folder with a "
            "causal LM."
        ),
    ] = None,
    limit: Limit = None,
    drop_unknown: DropUnknown = False,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Read labelled lines and print the character and word error rate."""
    from gradcheck_lm.lab.metrics import character_errors, length_ratio, word_errors
    from gradcheck_lm.lab.report import percent

    labels, readings = read_folder(data, recogniser, device, limit=limit, drop_unknown=drop_unknown)
    cer, wer = character_errors(labels, readings).rate, word_errors(labels, readings).rate
    figures: dict[str, Any] = {
        "lines": len(labels),
        "cer": cer,
        "wer": wer,
        "length_ratio": length_ratio(labels, readings),
    }
    if lm is not None:
        from gradcheck_lm.lab.reading import nats_per_character
        from gradcheck_lm.lm import load_language_model

        note(f"loading the language model {lm}")
        model = load_language_model(lm, device=device)
        figures["lm_readings"] = nats_per_character(model, readings)
        figures["lm_labels"] = nats_per_character(model, labels)
    if json_output:
        show_json(figures)
        return
    say(f"{len(labels)} lines: CER {percent(cer)} %, WER {percent(wer)} %")
    say(f"characters read over characters there: {figures['length_ratio']:.3f}")
    if lm is not None:
        say(f"{lm}: {figures['lm_readings']:.3f} nats per character read, {figures['lm_labels']:.3f} of the labels")


def transcribe(
    images: Annotated[list[Path], typer.Argument(help="Pictures of single lines, or folders of them.")],
    recogniser: Recogniser = "synthetic",
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Read pictures of lines: prints the name of each picture, a tab, and what was read."""
    from gradcheck_lm.htr.lines import read_images

    lines = read_images(images)
    model, charset = load(recogniser, device)
    names = [line.name for line in lines]
    if len(set(names)) < len(names):  # the same name in two folders
        names = [str(line.path) for line in lines]
    readings = read_lines(model, charset, lines)
    if json_output:
        show_json([{"image": name, "text": text} for name, text in zip(names, readings, strict=True)])
        return
    for name, text in zip(names, readings, strict=True):
        say(f"{name}\t{text}")


def lm_table(
    data: Data,
    recogniser: Recogniser = "synthetic",
    lm: Annotated[
        str, typer.Option(help="'smollm2', 'gpt2', 'char', 'ngram', or a folder with a causal LM or an n-gram.")
    ] = "smollm2",
    limit: Annotated[int, typer.Option(help="How many lines; the story had 29.")] = 29,
    drop_unknown: DropUnknown = False,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """The story's table: what a language model thinks of each reading and of each label."""
    from gradcheck_lm.draw.terminal import console, table
    from gradcheck_lm.lab.lm_table import lm_table as make_table
    from gradcheck_lm.lab.report import number
    from gradcheck_lm.lm import load_language_model

    labels, readings = read_folder(data, recogniser, device, limit=limit, drop_unknown=drop_unknown)
    note(f"loading the language model {lm}")
    found = make_table(load_language_model(lm, device=device), readings, labels)
    if json_output:
        show_json(found.to_dict())
        return
    rows = [
        [str(row.index), number(row.prediction_loss, ".4f"), number(row.label_loss, ".4f"), row.winner, row.prediction]
        for row in found.rows
    ]
    console().print(table("Nats per token", ["line", "prediction", "label", "costs less", "read as"], rows))
    counts, means = found.counts(), found.means()
    say(
        f"the label costs less on {counts['label']} lines, the prediction on {counts['prediction']}, "
        f"equal on {counts['equal']}; means: prediction {number(means['prediction'])}, label {number(means['label'])}, "
        f"penalty {number(means['penalty_positive_mean'])} (over positive lines), "
        f"{number(means['penalty_mean'])} (over all)"
    )


def mistakes(
    data: Data,
    recogniser: Recogniser = "synthetic",
    examples: Annotated[int, typer.Option(help="How many wrong lines to show, worst first.")] = 10,
    limit: Limit = None,
    drop_unknown: DropUnknown = False,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """What kinds of mistakes there are: which characters are confused, and how many wrong words are no words."""
    from gradcheck_lm.draw.terminal import console, table
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.htr.text import load_sentences
    from gradcheck_lm.lab.mistakes import find_mistakes, vocabulary
    from gradcheck_lm.lab.report import percent

    labels, readings = read_folder(data, recogniser, device, limit=limit, drop_unknown=drop_unknown)
    note("collecting known words")
    standard = Charset.standard()
    words = vocabulary(
        text
        for name in ("stdlib", "bible")
        for split in ("train", "test")
        for text in load_sentences(name, charset=standard, split=split)
    )
    found = find_mistakes(labels, readings, words, examples=examples)
    if json_output:
        show_json(found.to_dict())
        return
    out = console()
    out.print(
        f"{found.wrong_lines} of {found.lines} lines have mistakes: {found.substitutions} characters substituted, "
        f"{found.deletions} deleted, {found.insertions} inserted"
    )
    out.print(
        f"{found.wrong_words} words were read wrongly; {found.not_words} of these readings "
        f"({percent(found.share_not_words)} %) are not words that the standard library's or the Bible's English knows"
    )
    rows = [[repr(a) if a else "(nothing)", repr(b) if b else "(nothing)", str(n)] for a, b, n in found.confusions[:15]]
    out.print(table("Most frequent confusions", ["there", "read as", "times"], rows))
    for spans in found.examples:
        say("")
        say("label    " + "".join(_mark(span.label, span.kind, len(span.reading)) for span in spans))
        say("reading  " + "".join(_mark(span.reading, span.kind, len(span.label)) for span in spans))


def _mark(text: str, kind: str, other: int) -> str:
    """Wrong stretches in brackets, padded so that label and reading stay one above the other."""
    if kind == "equal":
        return text
    return "[" + text.ljust(max(len(text), other), "_") + "]"
