"""What cannot work, by the user's fault, the system's or ours: sentences, exit codes, and old files left whole."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import pytest
from command_line import call

from gradcheck_lm.commands.common import explain, friendly, say
from gradcheck_lm.extras import install_line
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import save_checkpoint
from gradcheck_lm.htr.crnn import build_crnn


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
