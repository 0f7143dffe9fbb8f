"""What `train`, `adapt` and `quality` are asked to do: each setting once, for the program, the command and its help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.config import (
    BONUS,
    LANGUAGE_MODELS,
    NGRAMS,
    OK_ONLY_HELP,
    PENALTY_NAMES,
    SHIPPED,
    SPLIT_HELP,
    TAGS_HELP,
    WEIGHT,
    TrainingConfig,
)
from gradcheck_lm.options import ELSEWHERE, GIVEN, NEVER, check_settings, identity_of, option, setting

PROPOSALS = ("sample", "beam", "fused_beam")
OBJECTIVES = ("hinge", "score", "sum", "ratio")
LINES = (
    "A folder with labels.tsv (file, tab, text), of IAM, of PAGE-XML or ALTO pages, of images with .txt beside them, "
    "or a data set on the hub (owner/name): docs/data.md has them all."
)
LM_HELP = "'smollm2', 'gpt2', 'char', 'ngram', or a folder with a causal LM or an n-gram, or an ARPA file."
RECOGNISER_HELP = "A checkpoint, or 'synthetic' (the one that ships)."
FUSE_HELP = "'ngram', a folder that `train-ngram` made, or an ARPA file of single characters"
_DATA, _LEARNING, _PENALTY, _UNLABELLED = "Lines", "Learning", "Language-model penalty", "More lines, without labels"
_STOPPING = "When to stop"

# what `train` does where nothing else is said; a recogniser alone in a program starts from the defaults of its class
TRAINING = TrainingConfig(
    steps=2000, learning_rate=2e-3, schedule="one_cycle", clip_norm=5.0, augment=True, checkpoint_every=200
)


@dataclass(frozen=True)
class TrainSettings:
    """What `train` is asked to do."""

    data: str = option("synthetic", f"'synthetic', or lines. {LINES}", suggestions=("synthetic",), panel=_DATA)
    validation: str | None = option(
        None, "Lines to validate on, as --data; by default a tenth of the data.", panel=_DATA, metavar="DATA"
    )
    split: str | None = option(None, SPLIT_HELP, panel=_DATA)
    validation_split: str | None = option(
        None, "As --split, of the lines to validate on.", panel=_DATA, metavar="SPLIT"
    )
    ok_only: bool = option(False, OK_ONLY_HELP, switch=True, panel=_DATA)
    tags: tuple[str, ...] = option((), TAGS_HELP, name="tag", panel=_DATA)
    recogniser: str = option(
        "small",
        "'small', 'full', 'synthetic' (the one that ships), or a checkpoint to go on from.",
        suggestions=("small", "full", SHIPPED),
    )
    width: int | None = option(
        None, "Image width in pixels; by default the recogniser's own.", least=1, metavar="PIXELS"
    )
    lines: int = option(12_000, "How many synthetic lines to render.", least=1, panel=_DATA)
    texts: tuple[str, ...] = option(
        ("stdlib", "bible", "figures"),
        "Text of synthetic lines: 'stdlib', 'bible', 'figures', or a file; in equal parts. Repeatable.",
        suggestions=("stdlib", "bible", "figures"),
        panel=_DATA,
    )
    penalty: str | None = option(
        None, "Add a language-model penalty; docs/penalties.md compares them.", choices=PENALTY_NAMES, panel=_PENALTY
    )
    lm: str = option("char", LM_HELP, suggestions=LANGUAGE_MODELS, panel=_PENALTY)
    lm_weight: float = option(0.1, "Weight of the penalty in the loss.", least=0, panel=_PENALTY)
    validation_every: int = option(
        200, "Steps between validations; 0: none on the way.", least=0, identity=NEVER, metavar="STEPS"
    )
    buckets: int = option(
        0,
        "Sort lines into so many widths; a batch is as wide as its widest line. 0: full width.",
        least=0,
        panel="Speed",
        identity=ELSEWHERE,  # the trainer looks at the lines' own
    )
    unlabelled: str | None = option(
        None,
        "More lines of the hand without labels, as --data: --recogniser reads them with --fuse, and CTC learns from "
        "that too. docs/runs.md says what it gave.",
        panel=_UNLABELLED,
        metavar="DATA",
        identity=GIVEN,
    )
    fuse: str = option(
        "ngram", f"{FUSE_HELP}.", suggestions=NGRAMS, panel=_UNLABELLED, metavar="NGRAM", identity="unlabelled"
    )
    fuse_weight: float = option(WEIGHT, "Weight of the n-gram's cost.", panel=_UNLABELLED, identity="unlabelled")
    fuse_bonus: float = option(
        BONUS, "Nats that each character is given.", panel=_UNLABELLED, metavar="NATS", identity="unlabelled"
    )
    drop_unknown: bool = option(
        False, "Leave characters that the recogniser cannot write out of the labels.", switch=True, panel=_DATA
    )
    half: bool = setting(True)  # store weights as 16-bit numbers

    def __post_init__(self) -> None:
        check_settings(self)

    def identity(self) -> dict[str, Any]:
        """What a saved run must share with the one that goes on with it, by the name of the option."""
        return {"--" + name.replace("_", "-"): value for name, value in identity_of(self).items()}


@dataclass(frozen=True)
class AdaptSettings:
    """What `adapt` is asked to do. A saved run knows the penalty by its arm, and the lines by their names."""

    recogniser: str = option(SHIPPED, RECOGNISER_HELP, suggestions=(SHIPPED,))
    lm: str = option("smollm2", LM_HELP, suggestions=LANGUAGE_MODELS)
    penalty: str = option(
        "policy_gradient", "How the language model teaches.", choices=PENALTY_NAMES, panel=_PENALTY, identity=ELSEWHERE
    )
    samples: int | None = option(
        None,
        "Strings a line, of penalties that take several; 8 for policy_gradient.",
        least=1,
        panel=_PENALTY,
        identity=ELSEWHERE,
    )
    proposals: str | None = option(
        None,
        "Where these come from, for 'policy_gradient' and 'minimum_risk'; 'fused_beam' needs --fuse.",
        choices=PROPOSALS,
        panel=_PENALTY,
        identity=ELSEWHERE,
    )
    weight: float = option(1.0, "Weight of the penalty.", least=0, panel=_PENALTY, identity=ELSEWHERE)
    anchor: float = option(
        1.0, "Weight of the anchor, which holds the old reading.", least=0, panel=_PENALTY, identity=ELSEWHERE
    )
    steps: int = option(40, "Training steps.", least=1, identity=ELSEWHERE)
    batch_size: int = option(16, "Lines in a step.", least=1, metavar="LINES", identity=ELSEWHERE)
    limit: int | None = option(
        None, "Use only the first so many lines.", least=1, panel=_DATA, metavar="LINES", identity=ELSEWHERE
    )
    split: str | None = option(None, SPLIT_HELP, panel=_DATA, identity=ELSEWHERE)
    ok_only: bool = option(False, OK_ONLY_HELP, switch=True, panel=_DATA, identity=ELSEWHERE)
    tags: tuple[str, ...] = option((), TAGS_HELP, name="tag", panel=_DATA, identity=ELSEWHERE)
    seed: int = option(0, "Seed of order and samples.", least=0, identity=ELSEWHERE)

    def __post_init__(self) -> None:
        check_settings(self)

    def penalty_options(self, fuse: str | None, fuse_weight: float, fuse_bonus: float) -> dict[str, Any]:
        """What of the penalty's options was given.

        Raises:
            ArgumentError: a fused beam without an n-gram.
        """
        found: dict[str, Any] = {} if self.samples is None else {"samples": self.samples}
        if self.proposals is not None:
            found["proposals"] = self.proposals
        if self.proposals == "fused_beam":
            if fuse is None:
                raise ArgumentError(
                    "--proposals fused_beam needs an n-gram to fuse with: give --fuse ngram, or a folder"
                )
            found |= {"fusion": fuse, "fusion_weight": fuse_weight, "length_bonus": fuse_bonus}
        return found


@dataclass(frozen=True)
class QualitySettings:
    """How `quality` measures the gradients of penalties."""

    penalties: tuple[str, ...] = option(
        (), "Names, separated by commas; by default all.", choices=PENALTY_NAMES, separated=True, metavar="NAME,..."
    )
    objective: str | None = option(
        None, "What is differentiated; by default hinge with labels, score without.", choices=OBJECTIVES
    )
    lines: int = option(8, "How many lines.", least=1)
    samples: int = option(2000, "Strings a line for the reference gradient.", least=4)
    repeats: int = option(20, "Calls of each penalty.", least=4)
    seed: int = option(0, "Seed of lines and draws.", least=0)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class StopRule:
    """When adapting ends before its last step.

    Args:
        every: steps between looks.
        drift: the KL divergence from the starting posteriors may be this many times their own entropy.
        change: characters of the readings may change in this many times the share that the starting recogniser doubts
            (how far strings sampled from it lie from its reading).
        patience: looks in a row in which the language model's score does not improve.
        lines: how many lines to look at, spread over all.
    Raises:
        ArgumentError: a number that cannot work.
    """

    every: int = option(
        5, "Steps between looks at score and drift.", name="look-every", least=1, panel=_STOPPING, metavar="STEPS"
    )
    drift: float = option(
        2.0,
        "Most KL divergence from the start, in multiples of the start's own entropy.",
        above=0,
        finite=False,
        panel=_STOPPING,
    )
    change: float = option(
        2.0,
        "Most changed characters, in multiples of the share that the start doubts.",
        above=0,
        finite=False,
        panel=_STOPPING,
    )
    patience: int = option(
        3, "Looks in a row without a better score before it ends.", least=1, panel=_STOPPING, metavar="LOOKS"
    )
    lines: int = setting(64, least=1)

    def __post_init__(self) -> None:
        check_settings(self)

    def verdict(self, looks: list[dict[str, float]]) -> str | None:
        """Why to stop after these looks, the first of which is of the start; None to go on.

        Each look: `lm` in nats per character read, `drift` and `change` as multiples of what the start allows.
        """
        if len(looks) < 2:
            return None
        start, last = looks[0], looks[-1]
        far = [
            f"{name} is {last[name]:.2f} times {unit}, the limit is {limit:g}"
            for name, unit, limit in (
                ("drift", "the start's entropy", self.drift),
                ("change", "the start's doubt", self.change),
            )
            if last[name] > limit
        ]
        if far:
            pleased = (
                f"the language model's score still improves ({start['lm']:.3f} to {last['lm']:.3f} nats per character)"
                if last["lm"] < start["lm"]
                else f"the language model's score has not improved ({start['lm']:.3f} to {last['lm']:.3f})"
            )
            return f"the reading drifts while {pleased}: {'; '.join(far)}"
        best = min(range(len(looks)), key=lambda i: looks[i]["lm"])
        if len(looks) - 1 - best >= self.patience:
            return f"the language model's score has not improved in {len(looks) - 1 - best} looks"
        return None

    def best(self, looks: list[dict[str, float]]) -> int:
        """The look to keep: the best score among those within the limits; 0, the start, where none beats it."""
        inside = [i for i, look in enumerate(looks) if look["drift"] <= self.drift and look["change"] <= self.change]
        return min(inside, key=lambda i: (looks[i]["lm"], i), default=0)
