"""Speeds: our step and the reference implementation's, lines from files, the language model's scoring."""

from __future__ import annotations

import copy
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from gradcheck_lm.bench.gpu.scene import Scene
from gradcheck_lm.bench.train import against_the_reference
from gradcheck_lm.bench.train_plan import Plan, lines_of, reduced
from gradcheck_lm.bench.train_waiting import waiting
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import build_crnn
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator
from gradcheck_lm.lm import AnyLanguageModel


def speed(scene: Scene) -> dict[str, Any]:
    """Stage D: each part beside its rival in one process; "reference" is left out where no checkout was given."""
    found: dict[str, Any] = {}
    plan = reduced(Plan(scene.device, 2 if scene.small else 7))
    if scene.small:
        plan = dataclasses.replace(plan, recogniser=plan.laptop, batch=2, laptop_steps=2)
    elif scene.device.type == "cuda":  # whose steps are short: the first ones must not weigh most
        plan = dataclasses.replace(plan, repeats=15, steps=40, laptop_steps=40)
    model = build_crnn(plan.recogniser, classes=Charset.standard().size)
    for size in (2,) if scene.small else (16, 64):
        scene.progress(f"  a step of {size} lines")
        # compiling takes half a minute, and pays where a GPU has most to do
        sized = dataclasses.replace(plan, batch=size, compile=size >= 64)
        data = lines_of(plan.recogniser, size)
        found[f"step of {size} lines"] = against_the_reference(model, data, scene.reference, sized)
    if scene.reference is None:
        scene.report["notes"]["reference"] = "no checkout was given (--reference), so there is no ratio to it"
    found["waiting for lines"] = waiting(model, plan, scene.progress)
    scene.progress("  lines a second by batch size")
    found["throughput"] = throughput(scene.device, scene.small)["rows"]
    scene.progress("  scoring")
    found["scoring"] = scoring(scene.language_model, scene.small)
    return found


def throughput(device: torch.device, small: bool) -> dict[str, Any]:
    """Lines a second of a CTC training step of the full CRNN, by batch size and precision."""
    charset = Charset.standard()
    model = build_crnn("full", classes=charset.size)
    count, steps = (4, 2) if small else (128, 12)
    data = lines_of(model.config, count)
    rows = []
    for size in (2,) if small else (16, 64, 128):
        for precision in ("no",) if small else ("no", "bf16"):
            config = TrainingConfig(steps=steps, batch_size=size, mixed_precision=precision, schedule="constant")
            trainer = Trainer(
                copy.deepcopy(model), labelled(charset, None, 0.0), data, config,
                accelerator=make_accelerator(config, None, device),
            )  # fmt: skip
            result = trainer.run()
            # the first steps pay for cuDNN's choice of algorithms
            seconds = statistics.median(record["seconds"] for record in result.records[steps // 3 :])
            rows.append(
                {
                    "batch_size": size,
                    "precision": "float32" if precision == "no" else precision,
                    "lines_per_second": size / seconds,
                    "peak_memory_mb": result.peak_memory_mb,
                }
            )
    return {"rows": rows}


def scoring(language_model: AnyLanguageModel, small: bool) -> dict[str, Any]:
    """Texts a second: the batched scorer against one text at a time, same model, same run."""
    texts = load_sentences("stdlib", charset=Charset.standard(), split="test")[: 8 if small else 256]

    def timed(work: Callable[[], Any]) -> float:
        work()  # warm-up
        began = time.perf_counter()
        work()
        if language_model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    some = texts[: min(32, len(texts))]
    batched = len(texts) / timed(lambda: language_model.score(texts))
    same = len(some) / timed(lambda: language_model.score(some))
    alone = len(some) / timed(lambda: [language_model.score([text]) for text in some])
    return {
        "model": language_model.name,
        "dtype": str(language_model.dtype),
        "texts_per_second": batched,
        "texts_per_second_32": same,
        "texts_per_second_one_at_a_time": alone,
        "ratio_at_32": same / alone,
    }
