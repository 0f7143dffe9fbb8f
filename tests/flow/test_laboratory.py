"""The laboratory's own broken arm: the debugger must tell the story of it, with the lines of this package."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers", reason="needs gradcheck_lm[lab]")

import gradcheck_lm
from gradcheck_lm.flow import Diagnosis
from gradcheck_lm.htr import greedy_decode
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.lab.comparing.evidence import LINES, diagnose_arm
from gradcheck_lm.lab.comparing.experiments import Bench
from gradcheck_lm.lab.comparing.lines import make_benches
from gradcheck_lm.lab.config import ComparisonConfig, with_labels_arms
from gradcheck_lm.lm import load_language_model

PACKAGE = Path(gradcheck_lm.__file__).parent
CHAIN = ["discrete_op", "left_torch", "new_leaf", "grad_disabled"]

# the trainer reports a term that requires grad as a number
pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """The new hand, which the shipped recogniser misreads; without dropout, so that both tests read the same."""
    config = ComparisonConfig(language_model="char", adapt_lines=LINES, evaluation_lines=LINES, label_steps=1)
    recogniser, charset = load_recogniser("synthetic")
    for part in recogniser.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
        if isinstance(part, torch.nn.LSTM):
            part.dropout = 0.0
    language_model = load_language_model("char", device="cpu")
    folder = tmp_path_factory.mktemp("bench")
    return make_benches(config, recogniser, charset, language_model, folder, lambda *_: None)["new_hand"]


def places(diagnosis: Diagnosis) -> list[str]:
    return [Path(finding.file).relative_to(PACKAGE).as_posix() for finding in diagnosis.findings]


def test_the_broken_arm_is_told_as_in_the_story(bench: Bench) -> None:
    diagnosis, terms, _ = diagnose_arm(bench, with_labels_arms()["argmax"])
    assert float(terms["lm"]) > 0
    findings = diagnosis.findings
    assert [finding.kind for finding in findings] == CHAIN, str(diagnosis)
    assert [finding.op for finding in findings[:3]] == ["torch.Tensor.argmax", "torch.Tensor.numpy", "torch.tensor"]
    assert places(diagnosis) == ["penalties/argmax.py"] * 2 + ["lm/batches.py", "lm/score.py"]
    assert findings[2].source.startswith("ids = torch.tensor(")
    assert findings[3].scope is not None
    file, line = findings[3].scope
    assert Path(file) == PACKAGE / "lm" / "score.py"
    near = Path(file).read_text(encoding="utf-8").splitlines()[line - 1]
    assert "no_grad" in near
    assert {finding.term for finding in findings} == {"lm"}


@pytest.mark.parametrize("reduction", ["mean", "positive_mean"])
def test_the_guard_is_not_blamed_where_nothing_was_misread(bench: Bench, reduction: str) -> None:
    train = copy.copy(bench.train)
    model = copy.deepcopy(bench.recogniser).train()
    with torch.no_grad():
        logits = model(train.take(range(LINES), torch.device("cpu")).images)
    train.texts = greedy_decode(logits, bench.charset)
    arm = with_labels_arms()["argmax"]
    arm = dataclasses.replace(arm, options={**arm.options, "reduction": reduction})
    diagnosis, terms, _ = diagnose_arm(dataclasses.replace(bench, train=train), arm)
    assert float(terms["lm"]) == 0
    assert [finding.kind for finding in diagnosis.findings[:2]] == CHAIN[:2], str(diagnosis)
    assert not any("base.py" in finding.file or "shapes.py" in finding.file for finding in diagnosis.findings)
