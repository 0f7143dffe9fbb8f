"""What must also hold on a CUDA device. Skipped without one."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict:
    from gradcheck_lm.lab.comparing.compare import compare
    from gradcheck_lm.lab.config import ComparisonConfig

    out = tmp_path_factory.mktemp("gpu")
    config = ComparisonConfig(
        language_model="char", steps=3, label_steps=3, batch_size=4, label_batch_size=4, adapt_lines=8,
        evaluation_lines=8, device="cuda",
    )  # fmt: skip
    return compare(config, out, progress=lambda _: None, step=lambda *_: None).summary


def test_the_experiments_hold_on_the_device(outcome: dict) -> None:
    assert "CPU" not in outcome["device"]
    arms = outcome["with_labels"]["arms"]
    assert arms["argmax"]["lm_gradient_norm"] == 0.0
    assert arms["ctc_again"]["identical_to_ctc_only"] is True, outcome["same_bits"]["words"]
    assert arms["argmax"]["identical_to_ctc_only"] is True, outcome["same_bits"]["words"]
    for experiment in ("with_labels", "new_hand"):
        for name in ("soft_embedding", "gumbel_softmax", "policy_gradient"):
            assert outcome[experiment]["arms"][name]["lm_gradient_norm"] > 0
    assert outcome["new_hand"]["arms"]["argmax"]["weights_unchanged"] is True


def test_reading_and_scoring_agree_with_the_cpu() -> None:
    from gradcheck_lm.htr.checkpoint import load_recogniser
    from gradcheck_lm.htr.ctc import greedy_decode
    from gradcheck_lm.htr.synthetic.text import load_sentences
    from gradcheck_lm.lm import load_language_model

    model, charset = load_recogniser("synthetic")
    images = torch.rand(4, 1, 64, 512, generator=torch.Generator().manual_seed(0))
    logits = model.eval()(images)
    there = copy.deepcopy(model).cuda()(images.cuda())
    torch.testing.assert_close(there.cpu(), logits, rtol=1e-2, atol=1e-2)
    assert greedy_decode(logits.cuda(), charset) == greedy_decode(logits, charset)
    texts = load_sentences("stdlib", charset=charset, split="test")[:16]
    here = load_language_model("char", device="cpu", dtype=torch.float32).score(texts)
    gpu = load_language_model("char", device="cuda", dtype=torch.float32).score(texts)
    torch.testing.assert_close(gpu.cpu(), here, rtol=1e-3, atol=1e-3)


def test_the_full_recogniser_trains_in_bf16(tmp_path: Path) -> None:
    from gradcheck_lm.bench.gpu.speed import throughput

    rows = throughput(torch.device("cuda"), True)["rows"]
    assert all(row["lines_per_second"] > 0 and row["peak_memory_mb"] > 0 for row in rows)
    assert json.dumps(rows)
