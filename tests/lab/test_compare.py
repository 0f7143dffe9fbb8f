"""The main job, small: both experiments with the models that ship, and what must hold in summary.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from compare_runs import compare
from tiny_runs import contents, differences
from torch import nn
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lab.comparing import experiments
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.reading import Quality

ARMS = {"ctc", "argmax", "soft_embedding", "gumbel_softmax", "policy_gradient"}
FIXED = ARMS - {"ctc", "argmax"}
FIGURES = {
    "cer_before", "cer_after", "cer_interval", "lm_before", "lm_after", "length_ratio", "lm_gradient_norm",
    "lm_ctc_cosine", "seconds_per_step", "peak_memory_mb",
}  # fmt: skip
SMALL = ("--lm", "char", "--steps", "2", "--batch-size", "2", "--adapt-lines", "4", "--evaluation-lines", "6")


MEASURED: list[bytes] = []
"""The weights of each recogniser whose readings were scored, while `run` ran."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out, measure = tmp_path_factory.mktemp("compare"), experiments.measure

    def noted(model: nn.Module, data: LineData, charset: Charset, language_model: Any = None) -> Quality:
        if language_model is not None:
            MEASURED.append(b"".join(value.numpy().tobytes() for value in model.state_dict().values()))
        return measure(model, data, charset, language_model)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiments, "measure", noted)
        text = compare(out, *SMALL)
    return out, text


@pytest.fixture(scope="module")
def summary(run: tuple[Path, str]) -> dict:
    return json.loads((run[0] / "summary.json").read_text())


def test_the_summary_has_what_is_promised(summary: dict) -> None:
    assert {"with_labels", "new_hand", "device", "versions", "config"} <= set(summary)
    assert set(summary["with_labels"]["arms"]) == ARMS | {"ctc_again"}
    assert set(summary["new_hand"]["arms"]) == ARMS | {"batchnorm_only"}
    for experiment in ("with_labels", "new_hand"):
        for figures in summary[experiment]["arms"].values():
            assert set(figures) >= FIGURES
            low, high = figures["cer_interval"]
            assert low <= figures["cer_after"] - figures["cer_before"] <= high
    assert all("identical_to_ctc_only" in figures for figures in summary["with_labels"]["arms"].values())


@pytest.mark.parametrize("experiment", ["with_labels", "new_hand"])
def test_the_broken_arm_has_no_gradient_and_the_fixed_ones_have(summary: dict, experiment: str) -> None:
    arms = summary[experiment]["arms"]
    assert arms["argmax"]["lm_gradient_norm"] == 0.0
    assert arms["argmax"]["lm_ctc_cosine"] is None
    for name in FIXED:
        assert arms[name]["lm_gradient_norm"] > 0, name
        assert -1 <= arms[name]["lm_ctc_cosine"] <= 1


def test_the_broken_arm_and_a_second_run_are_ctc_alone_to_the_bit(run: tuple[Path, str], summary: dict) -> None:
    arms = summary["with_labels"]["arms"]
    same = ("ctc", "ctc_again", "argmax")
    assert {name: figures["identical_to_ctc_only"] for name, figures in arms.items()} == {
        **dict.fromkeys(same, True), **dict.fromkeys(FIXED, False),
    }  # fmt: skip
    assert {name for name, figures in arms.items() if figures["difference_to_ctc_only"] == 0} == {*same}
    assert arms["argmax"]["cer_after"] == arms["ctc"]["cer_after"]
    ctc, again = (contents(run[0] / "checkpoints" / "with_labels" / name) for name in same[:2])
    assert all(torch.equal(tensor, again[0][name]) for name, tensor in ctc[0].items())
    assert ctc[2] == again[2]  # the records of its steps: it was trained, not copied


def test_what_equality_to_the_bit_proves_is_said_everywhere(run: tuple[Path, str], summary: dict) -> None:
    said = summary["same_bits"]
    assert (said["ctc_again"], said["argmax"]) == (True, True)
    assert said["words"].endswith("So did CTC with the broken penalty (argmax): the penalty changed nothing.")
    assert said["words"] in " ".join(run[1].split())
    page = " ".join((run[0] / "report.html").read_text().split())
    assert said["words"] in page
    assert said["words_ja"] in page


def test_on_a_new_hand_the_broken_arm_cannot_move(summary: dict) -> None:
    arms = summary["new_hand"]["arms"]
    unmoved = {name for name, figures in arms.items() if figures["weights_unchanged"]}
    assert unmoved == {"ctc", "argmax"}
    assert arms["argmax"]["cer_after"] == arms["argmax"]["cer_before"]


def test_the_verdict_names_the_line(run: tuple[Path, str], summary: dict) -> None:
    first = summary["cuts"]["argmax"][0]
    assert first["kind"] == "discrete_op"
    assert Path(first["file"]).name == "argmax.py"
    line = Path(first["file"]).read_text().splitlines()[first["line"] - 1]
    assert ".argmax(" in line
    assert f"argmax.py:{first['line']}" in summary["verdict"]
    assert summary["verdict"].split(":")[0] in " ".join(run[1].split())


def test_the_whole_chain_is_named_in_order(summary: dict) -> None:
    cuts = [row for row in summary["cuts"]["argmax"] if row["severity"] == "error"]
    assert [row["kind"] for row in cuts] == ["discrete_op", "left_torch", "new_leaf", "grad_disabled"]
    assert [Path(row["file"]).name for row in cuts] == ["argmax.py", "argmax.py", "batches.py", "score.py"]
    for name in FIXED | {"ctc"}:
        assert not [row for row in summary["cuts"][name] if row["severity"] == "error"], name


def test_weights_that_are_the_same_to_the_bit_are_measured_once(run: tuple[Path, str]) -> None:
    # the start, which ctc and argmax keep on the new hand; with labels all but argmax, which is ctc; three that move
    # on the new hand, and new statistics alone
    assert len(MEASURED) == 1 + 4 + 3 + 1
    assert len(set(MEASURED)) == len(MEASURED)


def test_everything_is_written_and_the_last_line_is_the_report(run: tuple[Path, str]) -> None:
    out, text = run
    report = Path(text.strip().splitlines()[-1])
    assert report == out / "report.html"
    page = report.read_text()
    assert "Content-Security-Policy" in page
    for name in ARMS:
        for picture in ("flow", "autograd"):
            svg = out / "graphs" / f"{name}-{picture}.svg"
            assert "<svg" in svg.read_text(), svg
        # drawn after the debugger's questions, of the graph that they were asked of
        graph = (out / "graphs" / f"{name}-autograd.svg").read_text()
        assert (">stem.weight<" in graph, "no grad_fn" in graph) == (name != "argmax", name == "argmax"), name
        assert (out / "metrics" / f"with_labels-{name}.jsonl").stat().st_size > 0
        assert (out / "metrics" / f"new_hand-{name}.jsonl").stat().st_size > 0
        assert (out / "checkpoints" / "new_hand" / f"{name}.safetensors").exists()
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")


def records(run: tuple[Path, str], name: str) -> list[dict]:
    return [json.loads(line) for line in (run[0] / "metrics" / f"{name}.jsonl").read_text().splitlines()]


def test_curves_have_intervals_and_gradients_are_told_by_module(run: tuple[Path, str]) -> None:
    for name in ("argmax", "policy_gradient"):
        found = records(run, f"new_hand-{name}")
        probes = [record["probe"] for record in found if "probe" in record]
        assert probes
        for probe in probes:
            assert probe["cer_low"] <= probe["cer"] <= probe["cer_high"]
    still = [record["probe"] for record in records(run, "new_hand-argmax") if "probe" in record]
    assert all(probe["cer_low"] == probe["cer"] == probe["cer_high"] for probe in still)  # nothing has changed, surely
    for record in records(run, "new_hand-policy_gradient"):
        low, high = record["penalty_interval"]
        assert low < record["penalty"] < high
    page = (run[0] / "report.html").read_text()
    for name in ARMS:
        assert f">{name}, by module<" in page
    assert 'class="band' in page
    assert "95 % interval" in page


def test_called_again_it_goes_on_and_finds_the_same(run: tuple[Path, str], summary: dict, tmp_path: Path) -> None:
    # as a folder from before CTC was run twice: that arm alone is run, and ends with the same state
    folder, kept = run[0] / "checkpoints" / "with_labels" / "ctc_again", tmp_path / "kept"
    shutil.move(folder, kept)
    compare(run[0], *SMALL)
    assert differences(kept, folder) == []
    again = json.loads((run[0] / "summary.json").read_text())
    assert again["same_bits"] == summary["same_bits"]
    for experiment in ("with_labels", "new_hand"):
        for name, figures in again[experiment]["arms"].items():
            assert figures["cer_after"] == summary[experiment]["arms"][name]["cer_after"]


def test_other_settings_in_the_same_folder_are_refused(run: tuple[Path, str]) -> None:
    arguments = ["compare", "--out", str(run[0]), "--lm", "char", "--steps", "4", "--adapt-lines", "4", "--arms", "ctc",
                 "--evaluation-lines", "6", "--batch-size", "2", "--device", "cpu"]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "steps was 2, is 4" in result.stderr


def test_other_texts_are_other_lines_and_refused_too(run: tuple[Path, str]) -> None:
    changed = ("--texts", "docstrings", "--arms", "ctc", "--device", "cpu")
    result = CliRunner().invoke(app, ["compare", "--out", str(run[0]), *SMALL, *changed])
    assert result.exit_code == 2
    assert "texts was 'stdlib', is 'docstrings'" in result.stderr


@pytest.mark.slow
def test_the_full_recogniser_runs_on_a_cpu(tmp_path: Path) -> None:
    compare(tmp_path, "--recogniser", "full", "--steps", "3", "--lm", "char", "--batch-size", "2", "--adapt-lines", "4",
            "--evaluation-lines", "3")  # fmt: skip
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["with_labels"]["arms"]["argmax"]["identical_to_ctc_only"] is True
    assert summary["with_labels"]["arms"]["argmax"]["lm_gradient_norm"] == 0.0
