"""The reference's own step, out of a checkout of it: run as it is, and compared with the same network alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from reference_checkout import CHARSET, CONFIG, TINY, TRAINER, make_checkout

from gradcheck_lm.bench.reference import load_reference
from gradcheck_lm.bench.train_plan import lines_of
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.crnn import CRNN, count_parameters


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return make_checkout(tmp_path / "theirs")


def load(folder: Path) -> Any:
    data = lines_of(TINY, 2)
    batch = data.take(range(2))
    return load_reference(folder, batch.images, batch.texts or [], CHARSET, device=torch.device("cpu"))


def test_the_references_own_step_is_run(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    reference = load(checkout)
    assert reference.parameters == count_parameters(CRNN(TINY))
    assert reference.commit == "unknown"
    before = {name: value.clone() for name, value in reference.net.named_parameters()}
    for _ in range(2):
        reference.step()
    moved = [name for name, value in reference.net.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) == len(before)
    change = (reference.net.stem.weight.detach() - before["stem.weight"]).abs().max()
    assert change <= 2.1e-3  # two steps of the learning rate in its configuration
    assert reference.net.training
    assert capsys.readouterr().out == ""
    first, last = map(int, reference.lines.split(" to "))
    rows = TRAINER.splitlines()
    assert "def train(self, epoch)" in rows[first - 1]
    assert "self.sample_decoding()" in rows[last - 1]


def test_importing_it_leaves_no_module_behind(checkout: Path) -> None:
    mark = object()
    sys.modules["models"] = mark  # type: ignore[assignment]
    try:
        load(checkout)
        assert sys.modules.pop("models") is mark
    finally:
        sys.modules.pop("models", None)
    assert not {"omegaconf", "utils", "utils.metrics"} & {
        name for name, module in sys.modules.items() if type(module).__name__ == "_StandIn"
    }


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path, checkout: Path) -> None:
    with pytest.raises(ArgumentError, match=r"is no checkout of georgeretsi/HTR-best-practices: it has no models\.py"):
        load(tmp_path)
    (checkout / "config.yaml").unlink()
    with pytest.raises(ArgumentError, match=r"it has no config\.yaml\. Clone that repository from GitHub and give"):
        load(checkout)
    (checkout / "config.yaml").write_text("arch: 3", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"config\.yaml is not the configuration of"):
        load(checkout)
    (checkout / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (checkout / "trainer.py").write_text("class Other: ...", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"another form than the one that is known \(AttributeError: .*HTRTrainer"):
        load(checkout)
