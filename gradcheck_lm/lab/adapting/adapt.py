"""Adapting a recogniser to a hand without labels: the language model teaches, an anchor holds."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.config import Arm, TrainingConfig
from gradcheck_lm.lab.lines.data import Batch, LineData
from gradcheck_lm.lab.machine.accelerators import make_accelerator
from gradcheck_lm.lab.machine.devices import launched
from gradcheck_lm.lab.machine.processes import shared_language_model
from gradcheck_lm.lab.measuring.decoding import with_fusion
from gradcheck_lm.lab.training.controls import Teacher, make_control
from gradcheck_lm.lab.training.starting import KnownLogits
from gradcheck_lm.lab.training.terms import StepTerms, unlabelled
from gradcheck_lm.lab.training.trainer import Trainer, TrainingResult
from gradcheck_lm.lab.training.worked_out import looked_at
from gradcheck_lm.lm import AnyLanguageModel
from gradcheck_lm.penalties import make_penalty


@dataclass
class Adapted:
    """The adapted recogniser and how it got there."""

    model: CRNN
    result: TrainingResult
    weights_unchanged: bool  # every weight and statistic equal to the bit


def adaptation_config(steps: int, batch_size: int, *, seed: int = 0, attribute_every: int = 10) -> TrainingConfig:
    """Adam at 3e-4 after a short warm-up, no weight decay, BatchNorm and dropout frozen."""
    return TrainingConfig(
        steps=steps,
        batch_size=batch_size,
        learning_rate=3e-4,
        weight_decay=0.0,
        epsilon=1e-5,
        warmup=5,
        schedule="constant",
        clip_norm=1.0,
        seed=seed,
        train_mode=False,
        attribute_every=attribute_every,
    )


def adapt(
    recogniser: CRNN,
    charset: Charset,
    data: LineData,
    language_model: AnyLanguageModel,
    arm: Arm,
    config: TrainingConfig,
    *,
    folder: str | Path | None = None,
    device: torch.device | str | None = None,
    identity: dict[str, Any] | None = None,
    probe: Callable[[nn.Module], dict[str, float]] | None = None,
    probe_every: int = 0,
    stop: Callable[[list[dict[str, Any]]], str | None] | None = None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
    started: KnownLogits | None = None,
    first: Callable[[nn.Module, Batch, StepTerms], object] | None = None,
) -> Adapted:
    """Train a copy of `recogniser` on lines without labels; the recogniser given stays as it is.

    Args:
        data: lines in the new hand; labels, where there are any, are not looked at.
        arm: which penalty or control, its weight and options; objective "ratio" needs no labels.
        identity, probe, probe_every, stop, on_step: as in Trainer.
        started: one dict for all arms that start from this recogniser, which keeps what it reads.
        first: looks at the model, the lines and the terms of the first step that is trained; draws no random numbers.
    """
    if device is None and launched() == 1:  # of several processes each takes the GPU of its rank
        device = next(recogniser.parameters()).device
    accelerator = make_accelerator(config, folder, device, unused=True)
    place = accelerator.device
    # its weights ask for gradients, though none is taken: see `unlabelled`
    start = copy.deepcopy(recogniser).to(place).eval().requires_grad_(True)
    model = copy.deepcopy(recogniser).to(place).requires_grad_(True)
    if arm.batchnorm_only:
        return _batchnorm_only(model, start, data, config)
    penalty: Teacher | None = None
    if arm.control is not None:
        penalty = make_control(arm.control, charset, seed=config.seed, **arm.options)
    elif arm.penalty is not None:
        language_model = shared_language_model(language_model)
        options = with_fusion(arm.options, charset, place)
        penalty = make_penalty(arm.penalty, language_model, charset, seed=config.seed, **options)
    terms = unlabelled(start, charset, penalty, arm.weight, anchor_weight=arm.anchor, started=started)
    if first is not None:
        terms = looked_at(terms, first)
    generators = {"penalty": penalty.generator} if penalty is not None else {}
    trainer = Trainer(
        model,
        terms,
        data,
        config,
        folder=folder,
        accelerator=accelerator,
        generators=generators,
        identity={"arm": dataclasses.asdict(arm), **(identity or {})},
        probe=probe,
        probe_every=probe_every,
        stop=stop,
        on_step=on_step,
    )
    result = trainer.run()
    bare = trainer.accelerator.unwrap_model(trainer.model).eval()
    return Adapted(bare, result, same_weights(bare, start))


def _batchnorm_only(model: CRNN, start: nn.Module, data: LineData, config: TrainingConfig) -> Adapted:
    """Forward passes in train mode, no loss: what new BatchNorm statistics do by themselves."""
    device = next(model.parameters()).device
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.train()
    with torch.no_grad():
        for step in range(config.steps):
            batch = data.batch(step, config.batch_size, seed=config.seed, device=device)
            model(batch.images)
    return Adapted(model.eval(), TrainingResult(), same_weights(model, start))


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    """Whether two modules hold the same weights and statistics, to the bit."""
    theirs = b.state_dict()
    return all(torch.equal(value, theirs[key]) for key, value in a.state_dict().items())


def largest_difference(a: nn.Module, b: nn.Module) -> float:
    """The largest difference between two modules' weights and statistics, place by place."""
    theirs = b.state_dict()
    return max(float((value.double() - theirs[key].double()).abs().max()) for key, value in a.state_dict().items())
