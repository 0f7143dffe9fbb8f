"""`evaluate`, `transcribe`, `lm-table` and `mistakes`: what a recogniser reads, and what it reads wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from gradcheck_lm.commands.common import note, say, show_json
from gradcheck_lm.commands.data import Choice, Data, Device, DropUnknown, Json, Limit, ReadAlong, Recogniser
from gradcheck_lm.commands.lab.readings import compare_logits, load, read_data, read_lines, read_logits
from gradcheck_lm.commands.options import argument
from gradcheck_lm.draw.lettering import cell
from gradcheck_lm.lab.config import LANGUAGE_MODELS
from gradcheck_lm.lab.settings import LINES, LM_HELP
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.lab.measuring.scoring import ReadingChange

_CHOICE, _ALONG = Choice(), ReadAlong()
LanguageModel = Annotated[str, Option(LM_HELP, suggestions=LANGUAGE_MODELS)]


def evaluate(
    data: Data,
    recogniser: Recogniser = "synthetic",
    lm: Annotated[
        str | None,
        Option(f"Also print nats per character of a language model: {LM_HELP}", suggestions=LANGUAGE_MODELS),
    ] = None,
    limit: Limit = None,
    drop_unknown: DropUnknown = False,
    choice: Choice = _CHOICE,
    along: ReadAlong = _ALONG,
    before: Annotated[
        Path | None,
        Option("Logits of the same lines from before a change: print how the reading changed. Needs --lm."),
    ] = None,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Read labelled lines and print the character and word error rate.

    With --fuse a character n-gram reads along: often the cheapest way to fewer errors, and the bar for all others.

    With --before, DATA and it are logits of one recogniser after and before it was changed, with labels or without:
    prints what `adapt` prints of its own.
    """
    from gradcheck_lm.lab.comparing.sentences import percent
    from gradcheck_lm.lab.measuring.metrics import character_errors, length_ratio, word_errors

    fuse = along.fusing()
    if before is not None:
        change = compare_logits(before, data, recogniser, lm, choice, limit=limit, device=device, fuse=fuse)
        show_change(change, lm, json_output)
        return
    labels, readings = read_data(
        data,
        recogniser,
        device,
        limit=limit,
        drop_unknown=drop_unknown,
        choice=choice,
        fuse=fuse,
    )
    cer, wer = character_errors(labels, readings).rate, word_errors(labels, readings).rate
    figures: dict[str, Any] = {
        "lines": len(labels),
        "cer": cer,
        "wer": wer,
        "length_ratio": length_ratio(labels, readings),
    }
    if lm is not None:
        from gradcheck_lm.lab.measuring.reading import nats_per_character
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


def show_change(found: ReadingChange, lm: str | None, json_output: bool) -> None:
    """Print how a reading changed."""
    from gradcheck_lm.lab.comparing.report import number
    from gradcheck_lm.lab.comparing.sentences import percent

    if json_output:
        show_json(found.to_dict())
        return
    say(f"{found.changed} readings changed; {number(found.length_ratio)} times as many characters are read")
    say(f"{lm}: {number(found.lm_before)} -> {number(found.lm_after)} nats per character")
    if found.cer_before is not None and found.cer_after is not None and found.cer_interval is not None:
        low, high = (percent(end) for end in found.cer_interval)
        say(
            f"CER {percent(found.cer_before)} % -> {percent(found.cer_after)} %; the difference lies between {low} and "
            f"{high} points (95 %, over lines)"
        )


def transcribe(
    images: Annotated[
        tuple[Path, ...],
        argument(f"Pictures of single lines, folders of them, or data sets. {LINES} Or logits.", metavar="IMAGES..."),
    ],
    recogniser: Recogniser = "synthetic",
    choice: Choice = _CHOICE,
    along: ReadAlong = _ALONG,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Read pictures of lines: prints the name of each picture, a tab, and what was read."""
    from gradcheck_lm.htr.readers.logits import is_logits
    from gradcheck_lm.htr.sources import open_lines

    fuse = along.fusing()
    if len(images) == 1 and is_logits(images[0]):
        names, _, readings = read_logits(images[0], recogniser, choice, fuse=fuse)
    else:
        lines = open_lines(images, **choice.of_lines(", ".join(map(str, images[:3]))))
        for sentence in lines.notes:
            note(sentence)
        model, known = load(recogniser, device)
        names = [line.name for line in lines]
        if len(set(names)) < len(names):  # the same name in two folders
            names = [str(line.path or line.name) for line in lines]
        readings = read_lines(model, known, lines, fuse=fuse)
    if json_output:
        show_json([{"image": name, "text": text} for name, text in zip(names, readings, strict=True)])
        return
    for name, text in zip(names, readings, strict=True):
        say(f"{cell(name)}\t{cell(text)}")


def lm_table(
    data: Data,
    recogniser: Recogniser = "synthetic",
    lm: LanguageModel = "smollm2",
    limit: Annotated[int, Option("How many lines; the story had 29.", least=1, metavar="LINES")] = 29,
    drop_unknown: DropUnknown = False,
    choice: Choice = _CHOICE,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """The story's table: what a language model thinks of each reading and of each label."""
    from gradcheck_lm.draw.terminal.terminal import console, table
    from gradcheck_lm.lab.comparing.report import number
    from gradcheck_lm.lab.measuring.lm_table import lm_table as make_table
    from gradcheck_lm.lm import load_language_model

    labels, readings = read_data(data, recogniser, device, limit=limit, drop_unknown=drop_unknown, choice=choice)
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
    examples: Annotated[int, Option("How many wrong lines to show, worst first.", least=0, metavar="LINES")] = 10,
    limit: Limit = None,
    drop_unknown: DropUnknown = False,
    choice: Choice = _CHOICE,
    device: Device = None,
    json_output: Json = False,
) -> None:
    """What kinds of mistakes there are: which characters are confused, and how many wrong words are no words."""
    from gradcheck_lm.draw.terminal.terminal import console, table
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.htr.synthetic.text import load_sentences
    from gradcheck_lm.lab.comparing.sentences import percent
    from gradcheck_lm.lab.measuring.mistakes import find_mistakes, vocabulary

    labels, readings = read_data(data, recogniser, device, limit=limit, drop_unknown=drop_unknown, choice=choice)
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
    text = cell(text)
    if kind == "equal":
        return text
    return "[" + text.ljust(max(len(text), other), "_") + "]"
