"""A whole notebook with the real kernel, and its outputs in a real browser."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import chromium
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.needs("nbclient", "nbformat", "ipykernel")]

CELLS = [
    "%load_ext gradcheck_lm\nimport torch, gradcheck_lm as gc\nfrom torch import nn\ntorch.manual_seed(0);",
    "model = nn.Sequential(nn.Conv1d(8, 16, 3), nn.ReLU(), nn.Conv1d(16, 10, 3))\nx = torch.randn(4, 8, 12)\n"
    "table = nn.Embedding(10, 6).requires_grad_(False)",
    "def penalty():\n    reading = model(x).argmax(1)\n    return table(reading).square().mean()\n"
    "diagnosis = gc.diagnose(lambda: {'ctc': model(x).square().mean(), 'lm': 0.1 * penalty()}, wrt=model)\ndiagnosis",
    "diagnosis.what_if(0)",
    "%%gradflow model\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
    "for _ in range(2):\n    model(x).square().mean().backward()\n    optimizer.step()",
    "from gradcheck_lm.draw.terminal.consoles import progress\nwith progress('scoring', 4) as advance:\n"
    "    for _ in range(4):\n        advance()",
    "watch = gc.GradientWatch(model, optimizer, every=1, write=None)\nfor step in range(6):\n"
    "    optimizer.zero_grad()\n"
    "    terms = {'fit': model(x).square().mean(), 'hinge': torch.relu(model(x).mean() + (1 if step < 4 else -9))}\n"
    "    watch.terms(terms)\n    sum(terms.values()).backward()\n    watch.step()\n    optimizer.step()\nwatch",
    "gc.diagnose(lambda: None, wrt=model)",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """The outputs of each cell."""
    nbformat, nbclient = importlib.import_module("nbformat"), importlib.import_module("nbclient")
    folder = tmp_path_factory.mktemp("notebook")
    spec = folder / "kernels" / "here"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "here", "language": "python", "env": {"OMP_NUM_THREADS": "1"}})
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(folder)
    try:
        client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="here", allow_errors=True)
        client.execute(cwd=str(folder))
    finally:
        if before is None:
            del os.environ["JUPYTER_PATH"]
        else:
            os.environ["JUPYTER_PATH"] = before
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("ignore")
def test_a_notebook_runs_and_its_cells_are_named(outputs: list[list[Any]]) -> None:
    (shown,) = outputs[2]
    assert "Cell In[3], line 2 in penalty" in shown["data"]["text/plain"]
    assert "Cell In[3], line 2" in shown["data"]["text/html"]
    assert "ipykernel_" not in shown["data"]["text/html"]
    assert "The gradient arrives" in outputs[3][0]["data"]["text/plain"]
    assert "Cell In[5], line 4" in outputs[4][0]["data"]["text/plain"]
    assert "not_cleared" in outputs[4][0]["data"]["text/plain"]
    assert [output["output_type"] for output in outputs[5]] == ["display_data"]  # one bar, updated in its place
    assert "scoring: 4/4" in outputs[5][0]["data"]["text/html"]
    assert "<svg" in outputs[6][-1]["data"]["text/html"]
    trace = "\n".join(outputs[7][0]["traceback"])
    assert "TraceError" in trace
    assert "gradcheck_lm/flow" not in trace


# what JupyterLab's style sheet does to HTML in outputs, as far as it could harm
RESETS = """
:root { --jp-code-font-family: monospace; }
body { margin: 0; padding: 8px; font: 14px/1.5 sans-serif; background: BACK; color: INK; }
.jp-RenderedHTMLCommon pre { font-family: inherit; white-space: pre-wrap; color: INK; background: BACK; padding: 0; }
.jp-RenderedHTMLCommon table { table-layout: fixed; font-size: 12px; } .jp-RenderedHTMLCommon tr { background: BACK; }
"""


@pytest.mark.browser
@pytest.mark.skipif(chromium.executable() is None, reason="needs Chromium: apt-get install chromium")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_read_in_a_browser(outputs: list[list[Any]], tmp_path: Path, width: int, theme: str) -> None:
    back, ink = ("#111", "#ddd") if theme == "dark" else ("#fff", "#222")
    style = RESETS.replace("BACK", back).replace("INK", ink)
    pages = [
        output["data"]["text/html"] for cell in outputs for output in cell if "text/html" in output.get("data", {})
    ]
    body = "".join(f'<div class="jp-RenderedHTMLCommon">{page}</div><hr>' for page in pages)
    page = tmp_path / "cells.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><style>{style}</style>'
        f'<body data-jp-theme-light="{"false" if theme == "dark" else "true"}">{body}',
        encoding="utf-8",
    )
    folder = Path(os.environ.get("GRADCHECK_LM_SCREENSHOTS", tmp_path))
    with chromium.Browser() as browser:
        # the system's own setting is the other one: the notebook's theme decides
        browser.open(page, width=width, height=900, dark=theme == "light")
        assert browser.problems == []
        assert {url.split(":")[0] for url in browser.requests} <= {"file", "data", "about"}
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        left, right = browser.evaluate(
            "(() => { const pre = document.querySelector('.gf-cut pre'), at = (node, i) => { const range = "
            "document.createRange(); range.setStart(node, i); range.setEnd(node, i + 1); return "
            "range.getBoundingClientRect(); }; const mark = pre.querySelector('mark').firstChild; const carets = "
            "pre.querySelector('span').firstChild; const first = carets.data.indexOf('^'); return [at(mark, 0).left - "
            "at(carets, first).left, at(mark, mark.length - 1).right - at(carets, carets.length - 1).right]; })()"
        )
        assert abs(left) < 1
        assert abs(right) < 1
        colour = browser.evaluate(
            "getComputedStyle(document.querySelector('.gf-cut p')).color.match(/\\d+/g).map(Number)[0]"
        )
        assert (colour > 150) == (theme == "dark")
        browser.screenshot(folder / f"notebook-{width}-{theme}.png")
