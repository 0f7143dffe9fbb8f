"""What a result can be saved as: every ending that is promised is written, and another is answered with the list."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.flow import Diagnosis, StepReport, diagnose, diagnose_step
from gradcheck_lm.flow.findings.endings import PAGES, PICTURES, TEXTS

ALL = (*PAGES, *TEXTS, *PICTURES)


@pytest.fixture(scope="module")
def broken() -> Diagnosis:
    model = torch.nn.Linear(4, 3)
    return diagnose(lambda: model(torch.ones(2, 4)).argmax(-1).float().sum(), wrt=model)


@pytest.mark.needs("layout")
@pytest.mark.parametrize("ending", [*(one for one in ALL if one != ".pdf"), ".HTML", ".Json"])
def test_each_ending_is_written(broken: Diagnosis, ending: str, tmp_path: Path) -> None:
    written = broken.save(tmp_path / f"d{ending}")
    assert written.name == f"d{ending}"
    assert written.stat().st_size > 100
    if ending.lower() in PAGES:
        assert broken.save_graph(tmp_path / f"g{ending}").read_bytes()[:15] == b"<!doctype html>"


@pytest.mark.parametrize("name", ["d.foo", "d", "d.htmx", "d."])
def test_another_ending_is_answered_with_all_that_there_are(broken: Diagnosis, name: str, tmp_path: Path) -> None:
    said = f"cannot save a diagnosis as {name!r}: its ending is none of {', '.join(ALL)}; rename the file"
    with pytest.raises(ArgumentError, match=f"^{re.escape(said)}$"):
        broken.save(tmp_path / name)
    said = f"cannot draw into {name!r}: its ending is none of {', '.join((*PICTURES, *PAGES))}; rename the file"
    with pytest.raises(ArgumentError, match=f"^{re.escape(said)}$"):
        broken.save_graph(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_report_of_steps(tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().mean().backward()
        optimizer.step()

    report = diagnose_step(step, model, optimizer)
    for ending in (*TEXTS, ".JSON"):
        assert report.save(tmp_path / f"r{ending}").read_text(encoding="utf-8")
    said = "cannot save a report of steps as 'r.html': its ending is none of .json, .sarif, .txt; rename the file"
    with pytest.raises(ArgumentError, match=re.escape(said)):
        report.save(tmp_path / "r.html")


def test_the_endings_are_told_where_one_looks() -> None:
    page = Path(__file__, "../../../docs/debugger.md").resolve().read_text(encoding="utf-8")
    table = page[page.index("| `diagnosis.save(...)` |") :].partition("\n\n")[0]
    for ending in ALL:
        assert ending == ".htm" or f"`{ending}`" in table
        assert ending == ".htm" or ending in str(inspect.getdoc(Diagnosis.save))
    for ending in (*PICTURES, ".html"):
        assert ending in str(inspect.getdoc(Diagnosis.save_graph))
    assert all(ending in str(inspect.getdoc(StepReport.save)) for ending in TEXTS)
