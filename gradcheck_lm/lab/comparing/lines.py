"""The lines that all arms of a comparison share: of a synthetic hand never seen in training, or a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.lines import Line
from gradcheck_lm.htr.synthetic.synthetic import HELD_OUT_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.comparing.experiments import Bench, Progress
from gradcheck_lm.lab.config import ComparisonConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.reading import labelled_lines
from gradcheck_lm.lm import AnyLanguageModel

FEWEST = 10  # lines of one's own, where a third of them is held back


def check_hand(config: ComparisonConfig) -> None:
    """Raise ArgumentError for a hand that is neither kept out of training nor a font file of the user's."""
    if config.data is not None or config.hand in HELD_OUT_HANDS or Path(config.hand).suffix.lower() in (".ttf", ".otf"):
        return
    raise ArgumentError(
        f"{config.hand!r} is not a hand kept out of training; there are {', '.join(HELD_OUT_HANDS)}, or a font file "
        "(.ttf, .otf) of your own"
    )


def make_benches(
    config: ComparisonConfig,
    recogniser: CRNN,
    charset: Charset,
    language_model: AnyLanguageModel,
    out: Path,
    step: Progress,
    *,
    lines: tuple[Sequence[Line], Sequence[Line]] | None = None,
    progress: Callable[[str], object] | None = None,
) -> dict[str, Bench]:
    """What the arms of each experiment share: the same lines in both, with their labels and without.

    Args:
        lines: what `pick_lines` gave, where it was asked before.
    """
    adapted, others = lines or pick_lines(config, charset, progress)
    train = LineData(adapted, recogniser.config, charset, progress=progress)
    evaluation = LineData(others, recogniser.config, charset, progress=progress)
    bench = Bench(recogniser, charset, language_model, train, evaluation, config, out, step)
    return {"with_labels": bench, "new_hand": bench}


def pick_lines(
    config: ComparisonConfig, charset: Charset, progress: Callable[[str], object] | None = None
) -> tuple[Sequence[Line], Sequence[Line]]:
    """Lines to adapt on, and others to evaluate on; no picture is made yet. Raises as `own` and `check_hand`."""
    check_hand(config)
    return synthetic(config, charset) if config.data is None else own(config, charset, progress)


def synthetic(config: ComparisonConfig, charset: Charset) -> tuple[Sequence[Line], Sequence[Line]]:
    """Of texts on which the recogniser that ships was not trained."""
    texts = load_sentences(config.texts, charset=charset, split="test")
    half = len(texts) // 2
    seed = 10_000_000 + 1000 * config.seed
    return (
        SyntheticLines(texts[:half], (config.hand,), config.adapt_lines, seed),
        SyntheticLines(texts[half:], (config.hand,), config.evaluation_lines, seed + 1),
    )


def own(
    config: ComparisonConfig, charset: Charset, progress: Callable[[str], object] | None
) -> tuple[list[Line], list[Line]]:
    """Of a user's lines; without others to evaluate on, a third of them, the same third whatever the seed.

    Raises:
        DataError: no labels, or too few lines to part; CharsetError: labels that the recogniser cannot write.
    """

    def labelled(source: str, split: str | None) -> list[Line]:
        chosen: dict[str, Any] = {"split": split, "ok_only": config.ok_only, "tags": config.tags}
        return labelled_lines(source, charset, drop_unknown=config.drop_unknown, progress=progress, **chosen)

    assert config.data is not None
    lines = labelled(config.data, config.split)
    if config.validation is not None:
        others = labelled(config.validation, config.validation_split)
        if {line.path for line in lines if line.path} & {line.path for line in others if line.path}:
            raise DataError(
                f"{config.data} and {config.validation} share lines: what is adapted on cannot be evaluated on; give "
                "--data alone, and a third of it is held back"
            )
    else:
        if len(lines) < FEWEST:
            raise DataError(
                f"{config.data} has {len(lines)} lines: at least {FEWEST} are needed, or give --validation DATA"
            )
        order = torch.randperm(len(lines), generator=torch.Generator().manual_seed(0)).tolist()
        third = len(lines) // 3
        lines, others = [lines[i] for i in sorted(order[third:])], [lines[i] for i in sorted(order[:third])]
    return (
        _at_most(lines, config.adapt_lines, "--adapt-lines", progress),
        _at_most(others, config.evaluation_lines, "--evaluation-lines", progress),
    )


def _at_most(lines: list[Line], most: int, option: str, progress: Callable[[str], object] | None) -> list[Line]:
    """So many lines, spread over all."""
    if len(lines) <= most:
        return lines
    if progress:
        progress(f"{most} of {len(lines)} lines are taken: {option} {len(lines)} takes all")
    return [lines[i * len(lines) // most] for i in range(most)]
