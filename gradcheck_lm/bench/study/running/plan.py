"""Which runs the experiments consist of: one arm of one study, in one condition, with one seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.synthetic.hand import HELD_OUT_HANDS

STEPS, BATCH = 40, 16  # of the new hand: docs/results/tuning.md
RATIO = {"objective": "ratio"}
FUSED = {"proposals": "fused_beam", "fusion": "ngram", "fusion_weight": 1.0, "length_bonus": 2.0}
STORY = {"lm_sample_ratio": 0.25}
FRACTIONS = (1.0, 0.25, 0.1, 0.02)


@dataclass(frozen=True)
class Run:
    """One training run, or (arm "start") the reading of the recogniser that all arms of its group begin with.

    Args:
        study: which question it belongs to.
        group: what makes a table of its own: hand, language model, share of labels.
        arm: how it is called in the table; `reference`: the arm that it is held against.
        penalty, options, weight: as in `make_penalty`; options["fusion"] is the name of an n-gram.
        special: "batchnorm", "more_ctc", "scrambled", or a control of gradcheck_lm.lab.training.controls.
        matched: the weight is multiplied until the gradient's norm at the start is that of policy_gradient.
        anchor: weight of the anchor, of adapting without labels.
        control, oracle: what a sceptic would try instead; a ceiling, that knows what no arm knows.
        against: the control that does all the same but for what the arm claims to teach.
    """

    study: str
    group: dict[str, Any]
    arm: str
    seed: int
    reference: str
    penalty: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    language_model: str = "char"
    special: str | None = None
    matched: bool = False
    steps: int = STEPS
    batch_size: int = BATCH
    control: bool = False
    anchor: float = 1.0
    oracle: bool = False
    against: str | None = None

    @property
    def kind(self) -> str:
        """ "arm", "control" or "oracle", for the record."""
        return "oracle" if self.oracle else "control" if self.control else "arm"

    @property
    def key(self) -> str:
        """A name that no other run has, fit for a path."""
        inside = "/".join(str(value) for value in self.group.values())
        return f"{self.study}/{inside}/{self.arm}/seed-{self.seed}"

    def settings(self) -> dict[str, Any]:
        """What decides the run's figures, for JSON."""
        found = asdict(self)
        for name in ("study", "group", "arm", "seed", "reference", "control", "oracle", "against"):
            del found[name]
        return found


# name in the table, and what differs from a plain run
Row = tuple[str, dict[str, Any]]
ESTIMATORS: tuple[Row, ...] = (
    ("argmax", {"penalty": "argmax", "options": {**RATIO, **STORY}}),
    ("soft_embedding", {"penalty": "soft_embedding", "options": RATIO}),
    ("gumbel_softmax", {"penalty": "gumbel_softmax", "options": RATIO}),
    ("straight_through", {"penalty": "straight_through", "options": RATIO}),
    ("policy_gradient", {"penalty": "policy_gradient", "options": {**RATIO, "samples": 8}}),
    ("policy_gradient_path", {"penalty": "policy_gradient_path", "options": {**RATIO, "samples": 8}}),
    ("relax", {"penalty": "relax", "options": RATIO}),
    ("local_expectation", {"penalty": "local_expectation", "options": RATIO}),
    ("minimum_risk, samples", {"penalty": "minimum_risk", "options": {**RATIO, "samples": 8}}),
    ("minimum_risk, fused beam", {"penalty": "minimum_risk", "options": {**RATIO, "samples": 8, **FUSED}}),
    ("policy_gradient, fused beam", {"penalty": "policy_gradient", "options": {**RATIO, "samples": 8, **FUSED}}),
    ("nbest_ctc, fused beam", {"penalty": "nbest_ctc", "options": {**RATIO, "samples": 8, **FUSED}}),
    (
        "ngram_expectation, bigram",
        {"penalty": "ngram_expectation", "options": {**RATIO, "order": 2}, "language_model": "ngram"},
    ),
)
ANCHORS = (0.0, 0.1, 0.3)  # and 1, which all rows without a number have
READ = "CTC on fused readings"
CONTROL_ROWS: tuple[Row, ...] = (
    ("BatchNorm alone", {"special": "batchnorm"}),
    ("entropy, matched", {"special": "entropy", "matched": True}),
    ("pseudo-labels, matched", {"special": "pseudo_labels", "matched": True}),
    (READ, {"special": "fused_readings"}),
    (f"{READ}, matched", {"special": "fused_readings", "matched": True}),
    ("CTC on own readings", {"special": "own_readings"}),
    ("CTC on own readings, matched", {"special": "own_readings", "matched": True}),
    (
        "scrambled LM",
        {"special": "scrambled", "penalty": "policy_gradient", "options": {**RATIO, "samples": 8}},
    ),
    ("more CTC on the training hands", {"special": "more_ctc"}),
)


def _new_hand(seeds: int) -> list[Run]:
    """(b) every held-out hand, all arms, all controls."""
    found = []
    for seed in range(seeds):
        for hand in HELD_OUT_HANDS:
            common: dict[str, Any] = {"study": "new_hand", "group": {"hand": hand}, "seed": seed, "reference": "start"}
            found.append(Run(arm="start", **common))
            found += [Run(arm=name, against=READ, **common, **row) for name, row in ESTIMATORS]
            found += [Run(arm=name, control=True, **common, **row) for name, row in CONTROL_ROWS]
            arms, controls = dict(ESTIMATORS), dict(CONTROL_ROWS)
            for anchor in ANCHORS:
                text = f", anchor {anchor:g}"
                for name in ("policy_gradient", "nbest_ctc, fused beam"):
                    found.append(Run(arm=name + text, anchor=anchor, against=READ + text, **common, **arms[name]))
                for name in (READ, "CTC on own readings"):
                    found.append(Run(arm=name + text, anchor=anchor, control=True, **common, **controls[name]))
    return found


def _language_models(seeds: int) -> list[Run]:
    """(c) who teaches: the same estimator with three language models."""
    found = []
    options = {**RATIO, "samples": 8}
    for seed in range(seeds):
        group = {"hand": "shadows-into-light"}
        common: dict[str, Any] = {"study": "language_models", "group": group, "seed": seed, "reference": "start"}
        found.append(Run(arm="start", **common))
        found += [
            Run(arm=name, penalty="policy_gradient", options=options, language_model=name, **common)
            for name in ("ngram", "char", "smollm2")
        ]
    return found


def _weights(seeds: int) -> list[Run]:
    """(e) weights swept, and gradient norms matched to that of policy_gradient."""
    arms = dict(ESTIMATORS)
    names = ("soft_embedding", "gumbel_softmax", "policy_gradient", "minimum_risk, fused beam")
    found = []
    for seed in range(seeds):
        common: dict[str, Any] = {
            "study": "weights",
            "group": {"hand": "shadows-into-light"},
            "seed": seed,
            "reference": "start",
        }
        found.append(Run(arm="start", **common))
        for name in names:
            found += [Run(arm=f"{name}, {w:g}", **common, **arms[name], weight=w) for w in (0.3, 1.0, 3.0)]
            if name != "policy_gradient":
                found.append(Run(arm=f"{name}, matched", **common, **arms[name], matched=True))
    return found


def _labels(seeds: int) -> list[Run]:
    """(a) CTC and the penalty together, with all labels and with few."""
    hinge = {"objective": "hinge"}
    rows: tuple[Row, ...] = (
        ("ctc", {}),
        ("argmax", {"penalty": "argmax", "options": {**hinge, "reduction": "positive_mean", **STORY}}),
        ("soft_embedding", {"penalty": "soft_embedding", "options": hinge}),
        ("gumbel_softmax", {"penalty": "gumbel_softmax", "options": hinge}),
        ("policy_gradient", {"penalty": "policy_gradient", "options": {**hinge, "samples": 4}}),
        ("minimum_risk, fused beam", {"penalty": "minimum_risk", "options": {**hinge, "samples": 8, **FUSED}}),
    )
    found = []
    for seed in range(seeds):
        for share in FRACTIONS:
            group = {"hand": "zeyada", "labels": share}
            common: dict[str, Any] = {"study": "labels", "group": group, "seed": seed, "reference": "ctc"}
            found.append(Run(arm="start", **common))
            found += [Run(arm=name, weight=0.1, **common, **row) for name, row in rows]
            unlabelled: dict[str, Any] = {
                "penalty": "policy_gradient",
                "options": {**RATIO, "samples": 8},
                "special": "unlabelled",
            }
            if share < 1:
                found.append(Run(arm="policy_gradient on the lines without labels", **common, **unlabelled))
            found.append(Run(arm="ctc, twice the steps", control=True, steps=2 * STEPS, **common))
    return found


STUDIES = {"new_hand": _new_hand, "labels": _labels, "weights": _weights, "language_models": _language_models}
SEEDS = {"new_hand": 5, "labels": 3, "weights": 3, "language_models": 5}


def plan(study: str, seeds: int | None = None) -> list[Run]:
    """The runs of a study on synthetic hands, in an order in which every part of it is a fair one.

    Raises:
        ArgumentError: no such study.
    """
    if study not in STUDIES:
        raise ArgumentError(f"there is no study {study!r}; there are {', '.join(STUDIES)}, and real")
    return STUDIES[study](SEEDS[study] if seeds is None else seeds)


def of_arms(runs: list[Run], names: list[str] | None) -> list[Run]:
    """Those of the named arms, controls and oracles, in the order of the plan; all where none is named.

    Raises:
        ArgumentError: a name that no run has.
    """
    there = dict.fromkeys(run.arm for run in runs)
    for name in names or ():
        if name not in there:
            raise ArgumentError(f"the study has no arm {name!r}; it has {', '.join(map(repr, there))}")
    return [run for run in runs if not names or run.arm in names]
