"""Gradient quality: on problems whose exact gradient is known, on files, and as a command."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, logits_for, random_logits
from typer.testing import CliRunner

from gradcheck_lm.bench.penalties.enumeration import make_problem
from gradcheck_lm.cli import app
from gradcheck_lm.draw.plots.scatter import Point, Scatter, save_scatter
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.lab.measuring.quality import (
    Reference,
    corrected_cosine,
    gradient_quality,
    make_reference,
)
from gradcheck_lm.lab.measuring.quality_input import load_input
from gradcheck_lm.lab.measuring.remembering import Remembering
from gradcheck_lm.penalties import make_penalty

NAMES = ["soft_embedding", "straight_through", "policy_gradient", "policy_gradient_path", "relax", "ngram_expectation"]


@pytest.fixture(scope="module")
def problem():
    return make_problem(8, frames=5, characters="abc")


@pytest.fixture(scope="module")
def measured(problem):
    logits = problem.logits.expand(-1, 4, -1).contiguous()
    return gradient_quality(
        logits, [problem.label] * 4, problem.language_model, problem.charset, samples=6000, repeats=100, names=NAMES
    )


def test_the_reference_is_the_exact_gradient_less_its_noise(problem):
    reference = make_reference(
        problem.logits,
        [problem.label],
        problem.language_model,
        problem.charset,
        objective="hinge",
        samples=8000,
        seed=0,
    )
    exact = problem.exact[1].view_as(problem.logits)
    assert reference.samples == 8000
    assert abs(reference.squared_length / float(exact.square().sum()) - 1) < 0.2
    cosine = float((reference.mean * exact).sum() / reference.mean.norm() / exact.norm())
    assert reference.cosine < cosine
    assert abs(cosine - reference.ceiling) < 0.03


def test_rows_say_what_enumeration_says(problem, measured):
    rows = {row.name: row for row in measured.rows}
    exact = problem.exact[1]
    for name in ("soft_embedding", "straight_through"):
        penalty = make_penalty(name, problem.language_model, problem.charset)
        mean = problem.gradients(penalty, 2).mean(0)
        wanted = float(mean @ exact / mean.norm() / exact.norm())
        assert abs(rows[name].cosine - wanted) < 0.05
        assert rows[name].spread < 1e-6
        assert rows[name].blank < 1e-12
    for name in ("policy_gradient", "policy_gradient_path", "relax"):
        assert rows[name].cosine > 0.95
        assert rows[name].raw_cosine < rows[name].cosine + 0.02
        assert rows[name].blank > 0.01
    # a line's noise over its gradient: four copies in a batch change neither
    gradients = problem.gradients(make_penalty("policy_gradient", problem.language_model, problem.charset), 4000)
    wanted = float(gradients.var(0).sum().sqrt() / exact.norm())
    assert abs(rows["policy_gradient"].spread / wanted - 1) < 0.2
    assert rows["policy_gradient_path"].spread > rows["policy_gradient"].spread
    assert rows["policy_gradient"].work == rows["policy_gradient"].spread ** 2 * rows["policy_gradient"].milliseconds


def test_those_that_cannot_be_asked_are_named_with_the_reason(measured):
    assert "argmax" not in {row.name for row in measured.rows}
    assert "sums over characters" in measured.skipped["ngram_expectation"]
    data = json.loads(json.dumps(measured.to_dict()))
    assert {row["name"] for row in data["penalties"]} == {row.name for row in measured.rows}
    assert data["reference"]["samples"] >= 5900


def test_the_correction_finds_a_cosine_under_noise():
    generator = torch.Generator().manual_seed(0)

    def draw():
        return torch.randn(6, 40, 5, generator=generator, dtype=torch.float64)

    truth, off = draw(), draw()
    other = truth + off  # cosine 0.71 to the truth
    reference = Reference(truth + 2 * draw(), truth + 2 * draw(), 100)
    cosine, interval = corrected_cosine([other + 2 * draw(), other + 2 * draw()], reference)
    wanted = float((truth * other).sum() / truth.norm() / other.norm())
    assert abs(cosine - wanted) < 0.15
    assert interval[0] < wanted < interval[1]
    nothing = [draw(), draw()]
    assert corrected_cosine([nothing[0], -nothing[0]], reference) == (None, None)


def test_remembering_asks_once():
    lm = TableLM()
    remembering = Remembering(lm)
    first = remembering.score(["ab", "b", "ab"])
    second = remembering.score(["b", "cc"])
    assert lm.asked == [["ab", "b"], ["cc"]]
    assert first[1] == second[0]


def test_what_cannot_be_measured():
    with pytest.raises(ArgumentError, match="at least 4 of each"):
        gradient_quality(random_logits(4, 2, 4), ["ab"] * 2, TinyLM(), ABC, samples=2)
    with pytest.raises(ArgumentError, match="no penalty is called nothing; there are argmax"):
        gradient_quality(random_logits(4, 2, 4), ["ab"] * 2, TinyLM(), ABC, names=["nothing"])
    with pytest.raises(ArgumentError, match=r"'hinge' has no gradient on these 2 lines.*--objective score"):
        gradient_quality(logits_for(["ab", "c"], 4, sure=90.0), ["ab"] * 2, TinyLM(), ABC, samples=8, repeats=4)


# ---- files ----


def test_arrays_come_with_labels_and_characters(tmp_path):
    logits = random_logits(6, 3, 4, dtype=torch.float32).numpy()
    np.savez(tmp_path / "all.npz", logits=logits, labels=np.array(["ab", "b", "c"]), characters="abc")
    found = load_input(tmp_path / "all.npz", recogniser="synthetic", lines=2, device="cpu")
    assert found.logits.shape == (6, 2, 4)
    assert found.transcripts == ["ab", "b"]
    assert found.charset.characters == "abc"
    np.save(tmp_path / "plain.npy", np.zeros((5, 2, 80), dtype=np.float16))
    plain = load_input(tmp_path / "plain.npy", recogniser="synthetic", lines=8, device="cpu")
    assert plain.transcripts is None
    assert plain.logits.dtype == torch.float32


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"other": np.zeros(3)}, DataError, "holds other; 'logits'"),
        ({"logits": np.zeros(12)}, ArgumentError, r"\(12,\).*wanted are floats \(T, N, C\)"),
        ({"logits": np.zeros((3, 2, 7))}, ArgumentError, "C = 7 classes and the charset makes 80.*'characters'"),
        (
            {"logits": np.zeros((3, 2, 4)), "characters": "abc", "labels": np.array(["a"])},
            ArgumentError,
            "1 labels for N = 2",
        ),
        ({"logits": np.array([None])}, DataError, "without running code"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path, arrays, error, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(error, match=message):
        load_input(tmp_path / "bad.npz", recogniser="synthetic", lines=2)


def test_a_file_that_is_missing_or_no_array(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        load_input(tmp_path / "none.npy", recogniser="synthetic", lines=2)
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(DataError, match="without running code"):
        load_input(tmp_path / "text.npy", recogniser="synthetic", lines=2)


# ---- the command ----


@pytest.mark.slow
def test_the_command(tmp_path):
    out = tmp_path / "quality"
    arguments = ["quality", "--samples", "32", "--repeats", "4", "--lines", "2", "--penalties"]
    result = CliRunner().invoke(app, [*arguments, "soft_embedding,policy_gradient", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "its halves have cosine" in result.stdout
    assert "soft_embedding" in result.stdout
    report = json.loads((out / "quality.json").read_text())
    assert [row["name"] for row in report["penalties"]] == ["soft_embedding", "policy_gradient"]
    assert (out / "quality.png").stat().st_size > 5000
    result = CliRunner().invoke(app, [*arguments, "soft_embedding,nothing"])
    assert result.exit_code == 2
    assert "--penalties is 'nothing'; choose argmax" in result.output


def test_a_scatter_is_a_picture(tmp_path):
    points = [Point("soft $x$", 1.0, 0.5, 0.4, 0.6), Point("_under", 10.0, 0.9)]
    panels = [Scatter("Direction", "ms", "cosine", points, log_x=True, level=("all", 1.0))] * 2
    assert save_scatter(tmp_path / "a.svg", panels).read_text().startswith("<?xml")
    assert save_scatter(tmp_path / "a.png", panels).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ArgumentError, match=r"'a\.txt': its ending is none of \.png"):
        save_scatter(tmp_path / "a.txt", panels)
    with pytest.raises(ArgumentError, match=r"'a\.png'; pass at least one"):
        save_scatter(tmp_path / "a.png", [])


def test_a_reference_without_length_gives_infinite_noise(measured):
    zero = Reference(torch.zeros(2, 1, 2), torch.zeros(2, 1, 2), 4)
    assert zero.cosine == 0
    assert zero.ceiling == 0
    assert math.isfinite(measured.reference.ceiling)
