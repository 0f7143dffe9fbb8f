"""How long real runs wait for their lines."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradcheck_lm.bench.train_plan import Plan
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN, build_crnn
from gradcheck_lm.htr.lines import read_labels_tsv, write_labels_tsv
from gradcheck_lm.htr.synthetic.synthetic import TRAINING_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import labelled
from gradcheck_lm.lab.training.trainer import Trainer, make_accelerator


def waiting(model: CRNN, plan: Plan, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """How long real runs on augmented lines wait for them, with and without the thread that makes them ahead."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for config, steps in ((plan.laptop, plan.laptop_steps), (plan.recogniser, plan.steps)):
            start = model if config == plan.recogniser else build_crnn(config, classes=Charset.standard().size)
            charset, count = Charset.standard(), 2 * plan.batch
            texts = load_sentences("stdlib", charset=charset, split="train")
            lines = SyntheticLines(texts, TRAINING_HANDS, count, 0, height=config.height)
            folder = write_labels_tsv(list(lines), Path(place) / config.name)
            sources = {
                "held in memory": LineData(lines, config, charset),
                "read from PNG files": LineData(read_labels_tsv(folder), config, charset, kept=0),
            }
            for source, data in sources.items():
                for prefetch in (0, TrainingConfig().prefetch):
                    row = {"recogniser": config.name, "source": source, "prefetch": prefetch, "steps": steps}
                    progress(f"  {config.name}, {source}, prefetch {prefetch}")
                    rows.append(row | _waiting_run(start, data, plan, steps, prefetch))
    return rows


def _waiting_run(model: CRNN, data: LineData, plan: Plan, steps: int, prefetch: int) -> dict[str, float]:
    config = TrainingConfig(
        steps=steps, batch_size=plan.batch, schedule="constant", augment=True, prefetch=prefetch
    )  # fmt: skip
    trainer = Trainer(
        copy.deepcopy(model), labelled(data.charset, None, 0.0), data, config,
        accelerator=make_accelerator(config, None, plan.device),
    )  # fmt: skip
    result = trainer.run()
    waits = sorted(record["data_wait"] for record in result.records[1:])
    return {
        "data_share": result.data_share,
        "wait_median": waits[len(waits) // 2],
        "seconds_per_step": result.seconds_per_step,
    }
