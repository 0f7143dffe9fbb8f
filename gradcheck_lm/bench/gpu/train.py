"""The full CRNN from fresh weights on synthetic hands, as far as the time goes; the experiments begin with it."""

from __future__ import annotations

import time
from typing import Any

from gradcheck_lm.bench.gpu.calibrate import sizes_of
from gradcheck_lm.bench.gpu.scene import TRAINED, Scene
from gradcheck_lm.htr.checkpoint import load_recogniser, save_checkpoint
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.reading import measure
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator

PARTS = 4  # the error rate is measured, and the clock looked at, so many times
HELD_BACK = 256
RESERVE = 15.0  # seconds that saving and measuring may take


def train(scene: Scene) -> dict[str, Any]:
    """Error rates on held-back lines as the steps go; only measured where a recogniser was given.

    Steps not taken for want of time are in "left": the next call goes on with them.
    """
    sizes = sizes_of(scene)
    if scene.recogniser is not None:
        model, charset, origin = scene.trained()
        held_back = _lines(model.config, charset, 8 if scene.small else HELD_BACK, split="test")
        return {"recogniser": origin, "cer": measure(model, held_back, charset).cer, "lines": len(held_back)}
    model, charset = load_recogniser(scene.network, seed=0)
    lines = _lines(model.config, charset, sizes.train_lines, split="train")
    held_back = _lines(model.config, charset, 8 if scene.small else HELD_BACK, split="test")
    config = TrainingConfig(
        steps=sizes.train_steps, batch_size=sizes.train_batch, learning_rate=1e-3, schedule="one_cycle",
        mixed_precision=sizes.precision, checkpoint_every=max(1, sizes.train_steps // 10),
    )  # fmt: skip
    trainer = Trainer(
        model, labelled(charset, None, 0.0), lines, config, folder=scene.state / "train",
        accelerator=make_accelerator(config, None, scene.device),
    )  # fmt: skip
    curve = list((scene.stage("train") or {}).get("curve", []))
    for part in range(1, PARTS + 1):
        until, began = part * config.steps // PARTS, time.monotonic()
        if until == 0 or any(point["step"] >= until for point in curve):
            continue
        result = trainer.run(until=until)
        bare = trainer.accelerator.unwrap_model(trainer.model)
        curve.append({"step": until, "cer": measure(bare, held_back, charset).cer})
        save_checkpoint(bare, charset, scene.state / TRAINED)
        scene.progress(f"  step {until}: CER {100 * curve[-1]['cer']:.2f} %")
        if scene.budget.left < time.monotonic() - began + RESERVE:
            break
    done = curve[-1]["step"]
    found = {
        "recogniser": scene.network, "steps": done, "batch_size": config.batch_size, "lines": len(lines),
        "precision": sizes.precision, "held_back_lines": len(held_back), "curve": curve,
        "seconds_per_step": result.seconds_per_step, "waiting_share": result.data_share,
        "peak_memory_mb": result.peak_memory_mb,
    }  # fmt: skip
    return found | ({"left": f"{config.steps - done} of {config.steps} steps"} if done < config.steps else {})


def _lines(config: Any, charset: Any, count: int, *, split: str) -> LineData:
    texts = load_sentences("stdlib", charset=charset, split=split)
    return LineData(SyntheticLines(texts, TRAINING_HANDS, count, 0 if split == "train" else 1), config, charset)
