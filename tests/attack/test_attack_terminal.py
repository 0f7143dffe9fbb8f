"""Names and characters that a terminal would obey or cannot write: each stays in its cell or becomes a sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from data_samples import save
from platforms import posix
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.errors import DataError
from gradcheck_lm.htr import open_lines


def test_a_name_with_half_a_character_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "\\ud800.png", "text": "a"}\n')
    with pytest.raises(DataError, match=r"does not exist|leads out"):
        open_lines(tmp_path)


@posix
def test_hostile_names_and_characters_stay_in_their_cell(tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    for name in ("a\tb\nc.png", "\x1b]0;owned\x07.png", os.fsdecode(b"caf\xe9.png")):
        try:
            save(lines / name)
        except (OSError, UnicodeError):
            pytest.skip("this file system has no such names")
    done = CliRunner().invoke(app, ["transcribe", str(lines)])
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert len(rows) == 3
    assert all(row.count("\t") == 1 for row in rows)
    assert not set(done.stdout) & {"\x1b", "\x07"}
    assert {row.split("\t")[0] for row in rows} == {"a\\tb\\nc.png", "\\x1b]0;owned\\x07.png", "caf\\udce9.png"}
    found = json.loads(CliRunner().invoke(app, ["transcribe", str(lines), "--json"]).stdout)
    assert {row["image"] for row in found} == {"a\tb\nc.png", "\x1b]0;owned\x07.png", "caf\udce9.png"}


def test_characters_of_logits_do_not_steer_the_terminal(tmp_path: Path) -> None:
    logits = np.eye(4, dtype=np.float32)[[[1], [0], [2], [3]]] * 9 - 4
    np.savez(tmp_path / "x.npz", logits=logits, characters="\x1b\x9b\x07")
    done = CliRunner().invoke(app, ["transcribe", str(tmp_path / "x.npz")])
    assert done.stdout == "line 0\t\\x1b\\x9b\\x07\n"
    done = CliRunner().invoke(app, ["transcribe", str(tmp_path / "x.npz"), "--json"])
    assert json.loads(done.stdout)[0]["text"] == "\x1b\x9b\x07"
    assert "\x9b" not in done.stdout


@posix
def test_errors_do_not_steer_the_terminal(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["transcribe", str(tmp_path / "\x1b]0;owned\x07.png")])
    assert done.exit_code == 2
    assert "\\x1b]0;owned\\x07.png" in done.output
    assert not set(done.output) & {"\x1b", "\x07"}


@posix
@pytest.mark.slow
def test_names_that_are_not_utf8_can_be_adapted_to(tmp_path: Path) -> None:
    """`adapt` hashes the names, writes them into a table, a page and JSON, and prints them."""
    lines, out = tmp_path / "lines", tmp_path / "out"
    try:
        save(lines / os.fsdecode(b"caf\xe9\t.png"))
        save(lines / "b.png")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    options = ["--out", str(out), "--lm", "char", "--steps", "1", "--batch-size", "2", "--look-every", "1"]
    done = CliRunner().invoke(app, ["adapt", str(lines), *options])
    assert done.exit_code == 0, done.output
    rows = (out / "readings.tsv").read_text("utf-8").splitlines()
    assert [row.split("\t")[0] for row in rows] == ["image", "b.png", "caf\\udce9\\t.png"]
    assert all(row.count("\t") == 2 for row in rows)
    assert json.loads((out / "adapt.json").read_text("utf-8"))["readings"][1]["image"] == "caf\udce9\t.png"
    assert "caf\\udce9" in (out / "readings.html").read_text("utf-8")
