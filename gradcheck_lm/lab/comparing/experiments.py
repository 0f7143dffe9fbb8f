"""The two experiments of the comparison: with labels, and a new hand without labels."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.adapting.adapt import Adapted, adapt, adaptation_config, largest_difference, same_weights
from gradcheck_lm.lab.comparing.true_labels import FirstStep, cosine_at_the_start
from gradcheck_lm.lab.config import Arm, ComparisonConfig, TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.machine.devices import launched
from gradcheck_lm.lab.measuring.metrics import LineErrors, bootstrap_interval
from gradcheck_lm.lab.measuring.reading import Quality, measure
from gradcheck_lm.lab.measuring.remembering import Remembering
from gradcheck_lm.lab.training.starting import KnownLogits
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, TrainingResult, make_accelerator
from gradcheck_lm.lm import AnyLanguageModel
from gradcheck_lm.options import identity_of
from gradcheck_lm.penalties import Penalty, make_penalty

Progress = Callable[[str, str, dict[str, Any]], None]  # (experiment, arm, step record)


@dataclass
class ArmOutcome:
    """One arm of one experiment: its figures, its curves, its readings and its final recogniser."""

    figures: dict[str, Any]
    result: TrainingResult
    before: Quality
    after: Quality
    model: CRNN


@dataclass(frozen=True)
class Bench:
    """What all arms share: the same starting weights, the same lines, the same language model."""

    recogniser: CRNN
    charset: Charset
    language_model: AnyLanguageModel
    train: LineData
    evaluation: LineData
    config: ComparisonConfig
    out: Path
    progress: Progress
    attribute_every: int | None = None  # steps with labels between looks at each term's gradient; None: four looks
    started: KnownLogits = field(default_factory=dict, repr=False, compare=False)  # of the new hand's steps

    @functools.cached_property
    def before(self) -> Quality:
        """How the starting recogniser reads the evaluation lines: all arms of both experiments start from there."""
        return self.measure(self.recogniser)

    @functools.cached_property
    def _judge(self) -> Any:
        """The language model as it scores readings: most lines are read alike by all arms, and a text costs the same
        whoever reads it."""
        return Remembering(self.language_model)

    def measure(self, model: nn.Module) -> Quality:
        """How a recogniser reads the evaluation lines."""
        return measure(model, self.evaluation, self.charset, self._judge)

    @functools.cached_property
    def _third(self) -> LineData:
        return self.evaluation.first(len(self.evaluation) // 3)

    @functools.cached_property
    def _third_before(self) -> LineErrors:
        """How the starting recogniser reads the lines of `probe`, which are fewer at a time than all of them."""
        return measure(self.recogniser, self._third, self.charset).characters

    def folder(self, experiment: str, arm: str) -> Path:
        """Where an arm's state and metrics go."""
        return self.out / "checkpoints" / experiment / arm

    def penalty(self, arm: Arm) -> Penalty | None:
        """A fresh penalty, with a generator of its own in its first state."""
        if arm.penalty is None:
            return None
        return make_penalty(arm.penalty, self.language_model, self.charset, seed=self.config.seed, **arm.options)

    def identity(self, arm: Arm) -> dict[str, Any]:
        """What a saved state of this arm must have been made with."""
        return {"arm": dataclasses.asdict(arm), **identity_of(self.config)}

    def probe(self, before: LineErrors) -> Callable[[nn.Module], dict[str, float]]:
        """CER on a third of the evaluation lines, for the curves, with the 95 % interval of its change since `before`:
        paired over lines, since some lines are harder to read than others in every arm."""
        part = self._third
        start = LineErrors(before.edits[: len(part)], before.lengths[: len(part)])

        def figures(model: nn.Module) -> dict[str, float]:
            unmoved = same_weights(model, self.recogniser)  # as some arms are to the end: they read as it does
            found = self._third_before if unmoved else measure(model, part, self.charset).characters
            low, high = bootstrap_interval(start, found)
            return {"cer": found.rate, "cer_low": start.rate + low, "cer_high": start.rate + high}

        return figures


def run_with_labels(bench: Bench, arms: dict[str, Arm]) -> dict[str, ArmOutcome]:
    """CTC plus the weighted penalty, as in the story; every arm sees the same batches and the same dropout."""
    outcomes: dict[str, ArmOutcome] = {}
    for name, arm in arms.items():
        model, result = _train_with_labels(bench, arm)
        reference = outcomes.get("ctc")
        identical = reference is not None and same_weights(model, reference.model)
        # equal weights read equally: they are not read with again
        after = reference.after if reference is not None and identical else None
        outcomes[name] = _outcome(bench, arm, model, result, after)
        figures = outcomes[name].figures
        figures["lm_ctc_cosine"] = result.median("lm", "cosine")
        figures["identical_to_ctc_only"] = name == "ctc" or (None if reference is None else identical)
        figures["difference_to_ctc_only"] = largest_difference(model, (reference or outcomes[name]).model)
    return outcomes


def run_new_hand(bench: Bench, arms: dict[str, Arm]) -> dict[str, ArmOutcome]:
    """A hand never seen, no labels: the penalty alone, anchored to the starting reading."""
    lines_before = measure(bench.recogniser, bench.train, bench.charset)
    outcomes: dict[str, ArmOutcome] = {}
    for name, arm in arms.items():
        first = FirstStep(bench.charset) if _looks_at_its_first_step(bench.config, arm) else None
        adapted = _train_new_hand(bench, arm, bench.before.characters, first)
        known = bench.before if adapted.weights_unchanged else None
        outcomes[name] = _outcome(bench, arm, adapted.model, adapted.result, known)
        figures = outcomes[name].figures
        lines_after = lines_before
        if not adapted.weights_unchanged:
            lines_after = measure(adapted.model, bench.train, bench.charset)
        figures["adapted_lines"] = {"cer_before": lines_before.cer, "cer_after": lines_after.cer}
        figures["weights_unchanged"] = adapted.weights_unchanged
        if first is not None and first.looked and not adapted.result.resumed_from:
            figures["lm_ctc_cosine"] = first.cosine
        else:
            figures["lm_ctc_cosine"] = _cosine_at_the_start(bench, arm)
    return outcomes


def train_arm(bench: Bench, experiment: str, arm: Arm) -> None:
    """Train one arm into its folder, where the comparison finds it done: arms do not depend on one another."""
    if experiment == "with_labels":
        _train_with_labels(bench, arm)
    else:
        _train_new_hand(bench, arm, measure(bench.recogniser, bench.evaluation, bench.charset).characters)


def steps_of(config: ComparisonConfig, experiment: str) -> int:
    """Training steps of an arm of this experiment."""
    return config.label_steps if experiment == "with_labels" else config.steps


def _train_with_labels(bench: Bench, arm: Arm) -> tuple[CRNN, TrainingResult]:
    config, steps = bench.config, bench.config.label_steps
    training = TrainingConfig(
        steps=steps,
        batch_size=config.label_batch_size,
        learning_rate=3e-4,
        schedule="constant",
        warmup=2,
        clip_norm=None,  # clipping by the norm of the sum would let a term act through the scale of another
        seed=config.seed,
        attribute_every=bench.attribute_every or max(1, steps // 4),
        checkpoint_every=max(1, steps // 10),
        mixed_precision=config.mixed_precision,
        deterministic=config.deterministic,
    )
    penalty = bench.penalty(arm)
    trainer = Trainer(
        copy.deepcopy(bench.recogniser),
        labelled(bench.charset, penalty, arm.weight),
        bench.train,
        training,
        folder=bench.folder("with_labels", arm.name),
        accelerator=make_accelerator(training, None, config.device),
        generators={"penalty": penalty.generator} if penalty is not None else {},
        identity=bench.identity(arm),
        on_step=functools.partial(bench.progress, "with_labels", arm.name),
    )
    result = trainer.run()
    return trainer.accelerator.unwrap_model(trainer.model).eval(), result


def _train_new_hand(bench: Bench, arm: Arm, before: LineErrors, first: FirstStep | None = None) -> Adapted:
    config, every = bench.config, _between_looks(bench.config)
    training = dataclasses.replace(
        adaptation_config(config.steps, config.batch_size, seed=config.seed, attribute_every=every),
        checkpoint_every=max(1, config.steps // 10),
        mixed_precision=config.mixed_precision,
        deterministic=config.deterministic,
    )
    return adapt(
        bench.recogniser,
        bench.charset,
        bench.train,
        bench.language_model,
        arm,
        training,
        folder=bench.folder("new_hand", arm.name),
        device=config.device,
        identity=bench.identity(arm),
        probe=bench.probe(before),
        probe_every=every,
        on_step=functools.partial(bench.progress, "new_hand", arm.name),
        started=bench.started,
        first=first,
    )


def _between_looks(config: ComparisonConfig) -> int:
    """Steps on the new hand between looks at each term's gradient, and at the curve."""
    return max(1, config.steps // 4)


def _looks_at_its_first_step(config: ComparisonConfig, arm: Arm) -> bool:
    """Whether an arm's first step holds the figure of `cosine_at_the_start`, and is no step whose seconds count."""
    # of several processes each has a share of the lines, and the logits of all
    same = arm.weight == 1 and config.mixed_precision == "no" and launched() == 1
    return arm.penalty is not None and same and _between_looks(config) > 1


def _cosine_at_the_start(bench: Bench, arm: Arm) -> float | None:
    penalty, config = bench.penalty(arm), bench.config
    if penalty is None:
        return None
    return cosine_at_the_start(
        bench.recogniser, bench.charset, bench.train, penalty, batch_size=config.batch_size, seed=config.seed
    )


def _outcome(bench: Bench, arm: Arm, model: CRNN, result: TrainingResult, known: Quality | None) -> ArmOutcome:
    """The figures of an arm; `known`: how its weights read, where others, equal to the bit, were measured before."""
    before = bench.before
    after = known or bench.measure(model)
    low, high = bootstrap_interval(before.characters, after.characters, seed=bench.config.seed)
    figures: dict[str, Any] = {
        "cer_before": before.cer,
        "cer_after": after.cer,
        "cer_interval": [low, high],
        "wer_before": before.wer,
        "wer_after": after.wer,
        "lm_before": before.lm,
        "lm_after": after.lm,
        "length_ratio_before": before.length_ratio,
        "length_ratio": after.length_ratio,
        "lm_gradient_norm": result.median("lm", "gradient_norm") if arm.penalty else None,
        "lm_share": result.median("lm", "share") if arm.penalty else None,
        "weight": arm.weight,
        "penalty": arm.penalty,
        "options": arm.options,
        "seconds_per_step": result.seconds_per_step,
        "peak_memory_mb": result.peak_memory_mb,
    }
    return ArmOutcome(figures, result, before, after, model)
