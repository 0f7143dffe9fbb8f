"""One run of the studies on synthetic hands that the recogniser has never seen."""

from __future__ import annotations

import copy
import functools
from typing import Any

from gradcheck_lm.bench.study.running.fit import fit
from gradcheck_lm.bench.study.running.plan import Run
from gradcheck_lm.bench.study.running.record import record_of
from gradcheck_lm.flow import attribute
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.htr.synthetic.hand import TRAINING_HANDS
from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.adapting.adapt import adapt, adaptation_config
from gradcheck_lm.lab.config import Arm, TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.decoding import Decoding, read_both
from gradcheck_lm.lab.training.controls import CONTROLS, ScrambledLanguageModel, Teacher, make_control
from gradcheck_lm.lab.training.partly_labelled import PartlyLabelled, partly_labelled
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import TrainingResult
from gradcheck_lm.lm import AnyLanguageModel, load_language_model
from gradcheck_lm.penalties import make_penalty

ADAPT_LINES, EVALUATION_LINES = 256, 256
# weight and bonus of fused decoding: chosen on other lines of both hands (seed 77), among seven pairs
FUSION_WEIGHT, LENGTH_BONUS = 1.0, 2.0
SOURCE_LINES = 1024  # of the training hands, for the control "more CTC"
SHORT_WARMUP = 2
MATCHING_BATCHES = 4


def run(item: Run) -> dict[str, Any]:
    """The record of one run."""
    recogniser = _recogniser()
    data = {
        "adapted": _lines(item.group["hand"], item.seed, 0),
        "held_out": _lines(item.group["hand"], item.seed, 1),
    }
    model, result, weight = _train(item, recogniser, data["adapted"])
    charset, decoding = _charset(), _decoding()
    readings = {name: read_both(model, lines, charset, decoding) for name, lines in data.items()}
    return record_of(item, result, data, readings, _language_model(item.language_model), weight=weight)


def _train(item: Run, recogniser: CRNN, lines: LineData) -> tuple[CRNN, TrainingResult, float]:
    if item.arm == "start":
        return recogniser, TrainingResult(), 0.0
    if item.study == "labels":
        return (*_with_labels(item, recogniser, lines), item.weight)
    if item.special == "more_ctc":
        texts = load_sentences("stdlib", charset=_charset(), split="train")
        source = SyntheticLines(texts, TRAINING_HANDS, SOURCE_LINES, 20_000_000 + item.seed)
        return (*_ctc(item, recogniser, LineData(source, recogniser.config, _charset())), 0.0)
    language_model = _language_model(item.language_model)
    if item.special == "scrambled":
        language_model = ScrambledLanguageModel(language_model, seed=item.seed)  # type: ignore[assignment]
    weight = item.weight * (_match(item, recogniser, lines) if item.matched else 1.0)
    control = item.special if item.special in CONTROLS else None
    arm = Arm(item.arm, item.penalty, weight, _options(item), item.special == "batchnorm", control, item.anchor)
    config = adaptation_config(item.steps, item.batch_size, seed=item.seed, attribute_every=10)
    found = adapt(recogniser, _charset(), lines, language_model, arm, config)
    return found.model, found.result, weight


def _training(item: Run, *, train_mode: bool) -> TrainingConfig:
    return TrainingConfig(
        steps=item.steps,
        batch_size=item.batch_size,
        learning_rate=3e-4,
        weight_decay=0.0,
        schedule="constant",
        warmup=SHORT_WARMUP,
        seed=item.seed,
        train_mode=train_mode,
        attribute_every=10,
    )


def _ctc(item: Run, recogniser: CRNN, lines: LineData) -> tuple[CRNN, TrainingResult]:
    """CTC alone on the given lines, BatchNorm frozen as in all arms without labels."""
    return fit(recogniser, lines, labelled(_charset(), None, 0.0), _training(item, train_mode=False), None)


def _with_labels(item: Run, recogniser: CRNN, lines: LineData) -> tuple[CRNN, TrainingResult]:
    """CTC on the labelled share, and the penalty on the same lines, or on those without labels."""
    share = max(2, round(len(lines) * item.group["labels"]))
    known = lines.first(share)
    config = _training(item, train_mode=True)
    penalty = None
    if item.penalty is not None:
        penalty = make_penalty(
            item.penalty, _language_model(item.language_model), _charset(), seed=item.seed, **_options(item)
        )
    if item.special != "unlabelled":
        return fit(recogniser, known, labelled(_charset(), penalty, item.weight), config, penalty)
    mixed = PartlyLabelled(known, lines.part(range(share, len(lines))))
    return fit(recogniser, mixed, partly_labelled(_charset(), penalty, 1.0), config, penalty)


def _match(item: Run, recogniser: CRNN, lines: LineData) -> float:
    """What the weight is multiplied by so that the penalty's gradient has the norm of policy_gradient's, at the start
    and in the mean over a few batches."""
    ratio: dict[str, Any] = {"objective": "ratio", "samples": 8}
    reference = make_penalty("policy_gradient", _language_model(item.language_model), _charset(), seed=0, **ratio)
    own: Teacher = (
        make_control(str(item.special), _charset(), **_options(item))
        if item.penalty is None
        else make_penalty(item.penalty, _language_model(item.language_model), _charset(), seed=0, **_options(item))
    )
    return _norm(reference, recogniser, lines, item) / max(_norm(own, recogniser, lines, item), 1e-12)


def _norm(penalty: Teacher, recogniser: CRNN, lines: LineData, item: Run) -> float:
    model = copy.deepcopy(recogniser).eval().requires_grad_(True)
    total = 0.0
    for step in range(MATCHING_BATCHES):
        batch = lines.batch(step, item.batch_size, seed=item.seed)
        total += attribute({"lm": penalty(model(batch.images), None).loss}, wrt=model).norm("lm")
    return total / MATCHING_BATCHES


def _options(item: Run) -> dict[str, Any]:
    """The penalty's options, with the n-gram itself where its name stands."""
    options = dict(item.options)
    if isinstance(options.get("fusion"), str):
        options["fusion"] = _automaton(options["fusion"])
    if item.special == "fused_readings":
        options["decoding"] = _decoding()
    return options


@functools.cache
def _recogniser() -> CRNN:
    return load_recogniser("synthetic")[0].eval()


@functools.cache
def _charset() -> Any:
    return load_recogniser("synthetic")[1]


@functools.cache
def _language_model(name: str) -> AnyLanguageModel:
    return load_language_model(name, device="cpu")


@functools.cache
def _automaton(name: str) -> Any:
    return _language_model(name).automaton(_charset())  # type: ignore[union-attr]


def _decoding() -> Decoding:
    return Decoding(_automaton("ngram"), FUSION_WEIGHT, LENGTH_BONUS)


@functools.lru_cache(maxsize=8)
def _lines(hand: str, seed: int, part: int) -> LineData:
    """Lines of a hand: part 0 to adapt on, part 1 to evaluate on; texts that no training of ours has seen."""
    texts = load_sentences("stdlib", charset=_charset(), split="test")
    half = len(texts) // 2
    chosen = texts[half:] if part else texts[:half]
    count = EVALUATION_LINES if part else ADAPT_LINES
    lines = SyntheticLines(chosen, (hand,), count, 10_000_000 + 1000 * seed + part)
    return LineData(lines, _recogniser().config, _charset())
