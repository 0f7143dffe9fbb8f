"""The commands: help that a newcomer understands, JSON that a program reads, and work that ends in files."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from child_processes import run_process
from command_line import call
from forked_python import run_python

from gradcheck_lm.commands.common import StepProgress

COMMANDS = (
    "run", "explain", "compare", "train", "evaluate", "transcribe", "adapt", "lm-table", "mistakes", "train-lm",
    "train-ngram", "doctor", "lessons",
)  # fmt: skip


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


def test_json_is_all_there_is_on_standard_output(folder: Path) -> None:
    done = run_python("-m", "gradcheck_lm", "evaluate", str(folder), "--lm", "char", "--json")
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


@pytest.mark.parametrize("penalty", ["nbest_ctc", "ngram_expectation"])
def test_a_penalty_of_another_objective_trains_too(folder: Path, tmp_path: Path, penalty: str) -> None:
    code, _, err = call("train", "--out", tmp_path / "out", "--data", folder, "--validation", folder, "--steps", 1,
                        "--batch-size", 2, "--penalty", penalty, "--lm", "ngram")  # fmt: skip
    assert code == 0, err
    (row,) = (tmp_path / "out" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(row)["terms"]["lm"]["requires_grad"] is True


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
