"""A new kind is one file and one zoo program: added in a copy of the package, as CONTRIBUTING says, and no more."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from forked_python import run_python

from gradcheck_lm.flow.findings.registry import kind_of

ROOT = Path(__file__).parents[2]

KIND_FILE = '''\
"""GF999 lost_in_the_post: a value that was sent away and never came back."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\\
import torch

model = torch.nn.Linear(2, 1)

def loss():
    return model(torch.ones(1, 2)).sum()  # posted
"""
INSTEAD = """\\
import torch

model = torch.nn.Linear(2, 1)

def loss():
    return model(torch.ones(1, 2)).sum()
"""

KIND = Kind(
    code="GF999",
    name="lost_in_the_post",
    since="9.9.9",
    lesson="l01_broken_loss",
    heading=Text("a value lost in the post", "郵便で失われた値"),
    about=about(
        Text("The value was posted and never arrived.", "値は投函されましたが、届きませんでした。"),
        Text("bring it yourself", "自分で届ける"),
    ),
    causes=(
        Cause(
            "stamp",
            Text("The letter to {parameter} had no stamp.", "{parameter} への手紙に切手がありません。"),
            (Text("put a stamp on it", "切手を貼る"),),
        ),
    ),
    example=EXAMPLE,
    instead=INSTEAD,
)
'''
PROGRAM = """\
# expected: lost_in_the_post
# A letter without a stamp.
import torch

wrt = torch.nn.Linear(2, 1)


def loss():
    return wrt(torch.ones(1, 2)).sum()  # <- lost_in_the_post
"""
# what the copy knows of it: a draft of the zoo's own stands for the decision, which asking/ would make
ASK = """
import json, sys
import torch
from gradcheck_lm.flow import KINDS, Diagnosis, record
from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.draw.sarif import log
from gradcheck_lm.draw.view import of
from gradcheck_lm.draw.japanese import wording_ja
from gradcheck_lm.draw.terminal.terminal import diagnosis_text

with record() as run:
    weight = torch.ones(2, requires_grad=True)
    (weight * 2).sum()
chain = Chain(run.recorder.recording)
made = Draft("lost_in_the_post", 0, "certain", cause="stamp", values={"parameter": "weight"})
chain.put(made, key=("lost_in_the_post",), tensor="weight")
((_, finding),) = chain.findings()
diagnosis = Diagnosis(False, (finding,), {}, ("weight",), (), wrt=("weight",))
japanese = wording_ja(finding)
print(json.dumps({
    "last": list(KINDS)[-1], "code": finding.code, "why": finding.why, "cures": finding.cures,
    "ja": [japanese.title, japanese.why, *japanese.cures],
    "text": str(diagnosis) + diagnosis_text(diagnosis),
    "rule": log([of(diagnosis)])["runs"][0]["tool"]["driver"]["rules"][0]["id"],
    "content": diagnosis.to_dict()["findings"][0],
}))
"""
EXPLAIN = """
import json
from typer.testing import CliRunner
from gradcheck_lm.cli import app

told = CliRunner().invoke(app, ["explain", "gf999", "--lang", "en"]).stdout
content = CliRunner().invoke(app, ["explain", "lost_in_the_post", "--json", "--lang", "ja"]).stdout
print(json.dumps([told, json.loads(content)]))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its zoo with one file more in each."""
    place = tmp_path_factory.mktemp("checkout")
    for name in ("gradcheck_lm", "tests/zoo"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.gguf"))
    shutil.copy(ROOT / "pyproject.toml", place)  # the pages of notebooks ask it for the source's address
    (place / "gradcheck_lm" / "flow" / "findings" / "kinds" / "gf999_lost_in_the_post.py").write_text(
        KIND_FILE, encoding="utf-8"
    )
    (place / "tests" / "zoo" / "broken" / "no_stamp.py").write_text(PROGRAM, encoding="utf-8")
    return place


def run(copy: Path, *arguments: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONIOENCODING": "utf-8", "COLUMNS": "80"}
    done = run_python(*arguments, cwd=copy, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_findings_tell_it_in_both_languages(copy: Path) -> None:
    said = json.loads(run(copy, "-c", ASK))
    assert (said["last"], said["code"], said["rule"]) == ("lost_in_the_post", "GF999", "GF999")
    assert (said["why"], said["cures"]) == ("The letter to weight had no stamp.", ["put a stamp on it"])
    assert said["ja"] == ["郵便で失われた値", "weight への手紙に切手がありません。", "切手を貼る"]
    assert "GF999 lost_in_the_post: a value lost in the post" in said["text"]
    assert said["content"]["cause"] == "stamp"
    assert said["content"]["values"] == [["parameter", "weight"]]


def test_explain_knows_it(copy: Path) -> None:
    told, content = json.loads(run(copy, "-c", EXPLAIN))
    assert "The value was posted and never arrived." in told
    assert (content["code"], content["title"]) == ("GF999", "郵便で失われた値")
    assert content["causes"][0]["why"] == "<parameter> への手紙に切手がありません。"


WAYS_TO_WRITE = [
    # what write_docs puts into this file: tests/flow/test_findings_page.py
    "from pathlib import Path; from gradcheck_lm.bench.pages.docs import findings_page; "
    "Path('docs/findings.md').write_text(findings_page(), encoding='utf-8')",
    pytest.param("from gradcheck_lm.bench.pages.docs import write_docs; write_docs('docs')", marks=pytest.mark.slow),
]


@pytest.mark.needs("numpy")
@pytest.mark.needs("layout")
@pytest.mark.parametrize("write", WAYS_TO_WRITE, ids=["the page", "all pages"])
def test_the_documentation_is_generated_with_it(copy: Path, write: str) -> None:
    (copy / "docs").mkdir(exist_ok=True)
    run(copy, "-c", write)
    page = (copy / "docs" / "findings.md").read_text(encoding="utf-8")
    assert "| [GF999](#GF999) | `lost_in_the_post` | a value lost in the post | 1 |" in page
    section = page.split('<a id="GF999"></a>')[1].split("\n## What is no finding")[0]
    for part in ("The value was posted", "- put a stamp on it", "# posted", "- A letter without a stamp."):
        assert part in section
    assert "return wrt(torch.ones(1, 2)).sum()" in section.split("**As people write it**")[1]


def test_without_the_file_nothing_knows_it() -> None:
    assert kind_of("GF999") is None
    assert kind_of("lost_in_the_post") is None
