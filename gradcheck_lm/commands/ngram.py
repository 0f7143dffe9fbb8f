"""`train-ngram`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gradcheck_lm.commands.common import note, say, show_json
from gradcheck_lm.commands.train import Text
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.foreign import read_text
from gradcheck_lm.options import Option


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
    json_output: Annotated[bool, Option("Print the figures as JSON.", name="json", switch=True)] = False,
) -> None:
    """Train a character n-gram from any text, for fused decoding and the exact penalty. Seconds for a novel."""
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.htr.text import clean_text, read_paragraphs
    from gradcheck_lm.lm.ngram import NgramConfig, nats_by_order
    from gradcheck_lm.lm.ngram import train_ngram as train
    from gradcheck_lm.lm.ngram_file import save_ngram
    from gradcheck_lm.texts.sides import is_test

    read = _lines if whole_lines else read_paragraphs
    texts = [found for name in text or ("stdlib", "bible") for found in read(name)]
    alphabet = {"standard": Charset.STANDARD, "all": "".join(sorted(set("".join(texts))))}.get(characters, characters)
    sides: dict[bool, list[str]] = {False: [], True: []}
    for found in texts:  # the side of a paragraph is that of the text as it stands in the file
        sides[is_test(found)].append(clean_text(found, Charset(alphabet)))
    training, held_out = sides[False], list(filter(None, sides[True]))
    note(f"{sum(map(len, training))} characters of text, and {sum(map(len, held_out))} held out")
    config = NgramConfig(order=order, characters=alphabet, smallest_count=smallest_count, lines=whole_lines)
    model = train(training, config, name=str(out))
    file = save_ngram(model, out)
    figures = nats_by_order(model, held_out) if held_out else {}
    contexts = sum(map(len, model.tables.contexts))
    if json_output:
        show_json({"file": str(file), "contexts": contexts, "held_out_nats_per_character": figures})
        return
    for length, nats in figures.items():
        say(f"order {length}: {nats:.3f} nats per held-out character")
    say(f"{sum(map(len, model.tables.codes))} n-grams, {contexts} contexts, {file.stat().st_size / 1e6:.1f} MB")
    say(f"use it with: --lm {out}")


def _lines(name: str) -> list[str]:
    """The lines of a file; of a labels.tsv the text behind the tab."""
    path = Path(name)
    if not path.is_file():
        raise ArgumentError(
            f"--whole-lines reads files of lines, or a labels.tsv, and {name!r} is no file: leave that out"
        )
    content = read_text(path)
    found = [line.split("\t", 1)[-1] if path.suffix == ".tsv" else line for line in content.splitlines()]
    if not any(map(str.strip, found)):
        raise DataError(f"{path} holds no text")
    return [line for line in found if line.strip()]
