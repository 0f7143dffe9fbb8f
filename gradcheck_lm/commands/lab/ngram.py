"""`train-ngram`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from gradcheck_lm.commands.common import note, say, show_json
from gradcheck_lm.commands.lab.train import Text
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.foreign import read_text
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel


def train_ngram(
    out: Annotated[Path, Option("Folder for the model; use it as --lm FOLDER.", metavar="DIR")],
    text: Text = (),
    order: Annotated[int, Option("Characters in the longest n-gram.", least=1)] = 6,
    smallest_count: Annotated[int, Option("Drop n-grams seen less often: a smaller model.", least=1)] = 1,
    characters: Annotated[
        str,
        Option(
            "'standard' (the recogniser's 79), 'all' (those of the text), or the characters.",
            suggestions=("standard", "all"),
        ),
    ] = "standard",
    whole_lines: Annotated[
        bool,
        Option("Each line of the files is one line of handwriting, with a begin and an end to learn.", switch=False),
    ] = False,
    interpolate: Annotated[
        Path | None,
        Option(
            "Lines of the hand, a labels.tsv or a file: a model of them, and of each --text one, are mixed with the "
            "weights that serve these lines best, each fifth of them left out in turn.",
            metavar="FILE",
        ),
    ] = None,
    json_output: Annotated[bool, Option("Print the figures as JSON.", name="json", switch=True)] = False,
) -> None:
    """Train a character n-gram from any text, for fused decoding and the exact penalty. Seconds for a novel."""
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.htr.synthetic.text import read_paragraphs
    from gradcheck_lm.lm.ngrams.ngram import NgramConfig, nats_by_order
    from gradcheck_lm.lm.ngrams.ngram import train_ngram as train
    from gradcheck_lm.lm.ngrams.ngram_file import save_ngram

    names = text or ("stdlib", "bible")
    read = _lines if whole_lines else read_paragraphs
    sources = [read(name) for name in names]
    own = [] if interpolate is None else _lines(str(interpolate), "--interpolate")
    everything = "".join(map("".join, [*sources, own]))
    alphabet = {"standard": Charset.STANDARD, "all": "".join(sorted(set(everything)))}.get(characters, characters)
    parted = [_sides(found, Charset(alphabet)) for found in sources]
    training = [clean for clean, _ in parted]
    held_out = [text for _, held in parted for text in held if text]
    note(f"{sum(len(text) for texts in training for text in texts)} characters of text, and "
         f"{sum(map(len, held_out))} held out")  # fmt: skip
    config = NgramConfig(order=order, characters=alphabet, smallest_count=smallest_count, lines=whole_lines)
    figures: dict[str, Any] = {}
    if interpolate is None:
        model = train([text for texts in training for text in texts], config, name=str(out))
    else:
        model, figures = _interpolated(dict(zip(names, training, strict=True)), interpolate, own, config, str(out))
    file = save_ngram(model, out)
    by_order = nats_by_order(model, held_out) if held_out else {}
    contexts = sum(map(len, model.tables.contexts))
    if json_output:
        show_json({"file": str(file), "contexts": contexts, "held_out_nats_per_character": by_order, **figures})
        return
    for length, nats in by_order.items():
        say(f"order {length}: {nats:.3f} nats per held-out character")
    for name, weight in figures.get("weights", {}).items():
        say(f"weight {weight:.3f}: {name}")
    if figures:
        say(f"{figures['left_out_nats_per_character']:.3f} nats per character of a fifth of {interpolate} left out")
    say(f"{sum(map(len, model.tables.codes))} n-grams, {contexts} contexts, {file.stat().st_size / 1e6:.1f} MB")
    say(f"use it with: --lm {out}")


def _sides(texts: list[str], charset: Charset) -> tuple[list[str], list[str]]:
    """Training text and held-out text, clean; the side of a paragraph is that of the text as it stands in the file."""
    from gradcheck_lm.htr.synthetic.text import clean_text
    from gradcheck_lm.texts.sides import is_test

    sides: dict[bool, list[str]] = {False: [], True: []}
    for found in texts:
        sides[is_test(found)].append(clean_text(found, charset))
    return sides[False], sides[True]


def _interpolated(
    training: dict[str, list[str]], file: Path, lines: list[str], config: NgramConfig, name: str
) -> tuple[NgramModel, dict[str, Any]]:
    """The mixture of a model of each source and one of the lines; the weights, and what a line left out costs."""
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.htr.synthetic.text import clean_text
    from gradcheck_lm.lm.ngrams.interpolate import train_interpolated
    from gradcheck_lm.lm.ngrams.ngram import train_ngram as train

    clean = [line for line in (clean_text(line, Charset(config.characters)) for line in lines) if line]
    parts = [train(texts, config, name=source) for source, texts in training.items()]
    model, weights, nats = train_interpolated(parts, clean, config, name=name)
    by_name = dict(zip([*training, str(file)], weights, strict=True))
    return model, {"weights": by_name, "left_out_nats_per_character": nats}


def _lines(name: str, option: str = "--whole-lines") -> list[str]:
    """The lines of a file; of a labels.tsv the text behind the tab."""
    path = Path(name)
    if not path.is_file():
        raise ArgumentError(f"{option} reads files of lines, or a labels.tsv, and {name!r} is no file: leave that out")
    content = read_text(path)
    found = [line.split("\t", 1)[-1] if path.suffix == ".tsv" else line for line in content.splitlines()]
    if not any(map(str.strip, found)):
        raise DataError(f"{path} holds no text")
    return [line for line in found if line.strip()]
