"""Adapting that stops by itself: the rule, what is kept, and that the source is never overwritten."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import CHARSET, SMALLEST, Vowels, tiny_data, tiny_model
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.errors import ArgumentError, CheckpointError
from gradcheck_lm.htr.checkpoint import load_checkpoint, save_checkpoint
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.adapting import adapt_folder
from gradcheck_lm.lab.adapting.adapt import adapt, adaptation_config, same_weights
from gradcheck_lm.lab.adapting.adapt_folder import small_fall, stranger
from gradcheck_lm.lab.adapting.drift import DriftWatch, StopRule
from gradcheck_lm.lab.config import Arm
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.reading_pairs import marked, most_changed, readings_page
from gradcheck_lm.lab.measuring.scoring import ReadingChange


def look(lm: float, drift: float = 0.1, change: float = 0.1) -> dict[str, float]:
    return {"lm": lm, "drift": drift, "change": change}


START = look(3.0, 0.0, 0.0)


def test_it_goes_on_while_the_score_improves_within_the_limits() -> None:
    rule = StopRule()
    looks = [START]
    for lm in (2.9, 2.8, 2.7):
        looks.append(look(lm, 0.9, 0.9))
        assert rule.verdict(looks) is None
    assert rule.best(looks) == 3


def test_a_better_score_with_a_drifting_reading_ends_it_and_the_look_before_is_kept() -> None:
    rule = StopRule(drift=1, change=1)
    looks = [START, look(2.8), look(2.0, drift=1.01)]
    told = rule.verdict(looks)
    assert told is not None
    assert told.startswith("the reading drifts while the language model's score still improves (3.000 to 2.000 nats")
    assert "drift is 1.01 times the start's entropy, the limit is 1" in told
    assert rule.best(looks) == 1
    changed = [START, look(2.8), look(2.0, change=1.5)]
    assert "change is 1.50 times the start's doubt" in (rule.verdict(changed) or "")
    assert "has not improved (3.000 to 3.500)" in (rule.verdict([START, look(3.5, drift=2)]) or "")
    assert StopRule(drift=math.inf, change=math.inf).verdict(looks) is None


def test_it_ends_where_the_score_stands_still() -> None:
    looks = [START, look(2.5), look(2.6), look(2.55), look(2.7)]
    assert StopRule(patience=3).verdict(looks) == "the language model's score has not improved in 3 looks"
    assert StopRule(patience=4).verdict(looks) is None
    assert StopRule().best(looks) == 1
    assert StopRule().best([START, look(3.1)]) == 0


@pytest.mark.parametrize(
    ("name", "value"), [("every", 0), ("patience", 0), ("lines", 0), ("drift", 0.0), ("change", -1)]
)
def test_a_rule_that_cannot_work_is_refused(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is {value}; it must be"):
        StopRule(**{name: value})  # type: ignore[arg-type]


class Characters(Vowels):
    """With nats of whole texts, as the objective `ratio` and the report want them."""

    def nll(self, texts: Any) -> torch.Tensor:
        return self.score(texts) * torch.tensor([len(text) for text in texts])


@pytest.fixture(scope="module")
def data() -> LineData:
    return tiny_data()


def watch(data: LineData, folder: Path, **rule: Any) -> DriftWatch:
    return DriftWatch(tiny_model(), CHARSET, data, Characters(), StopRule(**rule), folder)  # type: ignore[arg-type]


def test_looks_are_zero_at_the_start_and_in_the_starts_own_units(data: LineData, tmp_path: Path) -> None:
    seen = watch(data, tmp_path)
    assert seen.looks[0]["drift"] == seen.looks[0]["change"] == 0.0
    logits = tiny_model().eval()(data.take(range(len(data))).images).detach()
    log_p = logits.log_softmax(-1)
    from gradcheck_lm.htr.ctc import greedy_decode

    characters = sum(map(len, greedy_decode(logits, CHARSET)))
    assert seen.entropy == pytest.approx(float(-(log_p.exp() * log_p).sum()) / max(1, characters), rel=1e-4)
    assert seen.doubt > 0
    moved = tiny_model()
    with torch.no_grad():
        moved.get_parameter("head.1.bias")[3] += 4
    found = seen.look(moved)
    new = moved.eval()(data.take(range(len(data))).images).detach().log_softmax(-1)
    divergence = float((log_p.exp() * (log_p - new)).sum()) / max(1, characters)
    assert found["drift"] == pytest.approx(divergence / seen.entropy, rel=1e-4)
    assert found["changed"] > 0
    assert found["change"] == pytest.approx(found["changed"] / seen.doubt)


def run(data: LineData, folder: Path, steps: int = 12, **rule: Any) -> tuple[DriftWatch, Any]:
    seen = watch(data, folder, every=2, **rule)
    import dataclasses

    config = dataclasses.replace(adaptation_config(steps, 4, attribute_every=0), checkpoint_every=2, learning_rate=0.02)
    arm = Arm("policy_gradient", "policy_gradient", 5.0, {"objective": "ratio", "samples": 4})
    adapted = adapt(
        tiny_model(), CHARSET, data, Characters(), arm, config,  # type: ignore[arg-type]
        folder=folder, device="cpu", probe=seen.probe, probe_every=2, stop=seen.stop,
    )  # fmt: skip
    seen.stop(adapted.result.records)
    return seen, adapted


def test_a_drifting_run_ends_early_and_gives_back_the_last_good_recogniser(data: LineData, tmp_path: Path) -> None:
    free, ended = run(data, tmp_path / "free", drift=math.inf, change=math.inf, patience=99)
    assert len(ended.result.records) == 12
    drifts = [one["drift"] for one in free.looks]
    limit = (drifts[1] + drifts[-1]) / 2
    assert drifts[1] < limit < drifts[-1], f"the run does not drift: {drifts}"
    seen, adapted = run(data, tmp_path / "held", drift=limit, change=math.inf, patience=99)
    assert adapted.result.stopped is not None
    assert "the reading drifts" in adapted.result.stopped
    assert len(adapted.result.records) < 12
    report = seen.report(adapted.result.records)
    assert report["stopped"] == adapted.result.stopped
    kept = seen.kept()
    best = seen.rule.best(seen.looks)
    assert report["kept_step"] == 2 * best
    assert (kept is None) == (best == 0)
    if kept is not None:
        assert seen.look(kept)["lm"] == pytest.approx(min(one["lm"] for one in seen.looks if one["drift"] <= limit))
    # called again, nothing is left to do, and the same is found
    again, repeated = run(data, tmp_path / "held", drift=limit, change=math.inf, patience=99)
    assert repeated.result.resumed_from == len(adapted.result.records)
    assert again.report(repeated.result.records) == report
    assert same_weights(repeated.model, adapted.model)


def test_a_language_model_that_knows_less_than_a_guess_is_said() -> None:
    assert stranger(4.36, 79) is None
    told = stranger(5.0, 79)
    assert told is not None
    assert "cost the language model 5.00 nats per character, more than a guess among the 79 characters (4.37)" in told


def test_a_score_that_hardly_fell_is_said_with_what_the_records_have() -> None:
    assert small_fall(3.0, 2.63) is None
    assert small_fall(3.0, 3.0) is None  # the start is kept
    told = small_fall(3.0, 2.7)
    assert told is not None
    assert told.startswith("the score went from 3.00 to 2.70 nats per character (-10 %): of recorded runs that brought")
    assert "80 of 86 read better along with an n-gram, of the others 49 of 82" in told
    assert "(+10 %)" in (small_fall(3.0, 3.3) or "")


def test_a_lost_recogniser_is_said(data: LineData, tmp_path: Path) -> None:
    seen = watch(data, tmp_path)
    seen.looks.append(look(-1.0))
    with pytest.raises(CheckpointError, match=r"kept-1\.safetensors, the best recogniser of this run, is gone"):
        seen.kept()


# ---------------------------------------------------------------------- the command


def test_the_command_warns_of_a_score_that_hardly_fell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the score of a recogniser this small does not move in a few steps
    monkeypatch.setattr(adapt_folder, "score_change", lambda *_: ReadingChange(3, 3.0, 2.9, 1.0))
    source = save_checkpoint(tiny_model(), CHARSET, tmp_path / "source.safetensors")
    arguments = ["adapt", str(write_pictures(tmp_path / "lines")), "--recogniser", str(source), "--lm", "char",
                 "--device", "cpu", "--steps", "1", "--out", str(tmp_path / "out")]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "adapt.json").read_text())["warning"]
    assert "from 3.00 to 2.90 nats per character (-3 %)" in told
    assert told in " ".join(result.output.split())


def test_the_anchor_has_the_weight_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save_checkpoint(tiny_model(), CHARSET, tmp_path / "source.safetensors")
    arguments = ["adapt", str(write_pictures(tmp_path / "lines")), "--recogniser", str(source), "--lm", "char",
                 "--device", "cpu", "--steps", "1", "--no-stop"]  # fmt: skip
    seen: list[tuple[float, float]] = []

    def watched(*args: Any, **options: Any) -> Any:
        seen.append((args[4].weight, args[4].anchor))
        return adapt(*args, **options)

    monkeypatch.setattr(adapt_folder, "adapt", watched)
    for more in ([], ["--anchor", "0.1", "--weight", "2"]):
        result = CliRunner().invoke(app, [*arguments, *more, "--out", str(tmp_path / f"out{len(more)}")])
        assert result.exit_code == 0, result.output
    assert seen == [(1.0, 1.0), (2.0, 0.1)]
    # a run that goes on does so with its own anchor alone
    again = CliRunner().invoke(app, [*arguments, "--anchor", "0.3", "--out", str(tmp_path / "out0")])
    assert again.exit_code == 2
    assert "anchor" in again.stderr


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = save_checkpoint(tiny_model(), CHARSET, tmp_path / "recogniser.safetensors")
    before = source.read_bytes()
    pictures = write_pictures(tmp_path / "lines")
    arguments = ["adapt", str(pictures), "--recogniser", str(source), "--lm", "char", "--device", "cpu", "--steps", "1"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is the recogniser to start from: give another --out, so that it is kept" in result.stderr
    link = tmp_path / "other" / "recogniser.safetensors"
    link.parent.mkdir()
    link.hardlink_to(source)
    result = CliRunner().invoke(app, [*arguments, "--out", str(link.parent)])
    assert result.exit_code == 2
    assert source.read_bytes() == before


def write_pictures(folder: Path) -> Path:
    from PIL import Image

    folder.mkdir()
    for i, image in enumerate(tiny_data().take(range(6)).images):
        Image.fromarray((255 - image[0] * 255).byte().numpy()).save(folder / f"line-{i}.png")
    return folder


def test_the_command_reports_why_it_stopped_and_both_readings(tmp_path: Path) -> None:
    source = save_checkpoint(tiny_model(), CHARSET, tmp_path / "source.safetensors")
    out = tmp_path / "adapted"
    arguments = ["adapt", str(write_pictures(tmp_path / "lines")), "--recogniser", str(source), "--lm", "char",
                 "--device", "cpu", "--steps", "4", "--look-every", "1", "--drift", "1e-9",
                 "--out", str(out)]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "of 4: the reading drifts while the language model's score" in result.stdout
    assert "the recogniser to start from is kept as it was" in result.stdout
    found = json.loads((out / "adapt.json").read_text())
    assert found["kept_step"] == 0
    assert "the score went" not in (found["warning"] or "")
    assert found["steps_done"] < 4
    assert [row["step"] for row in found["looks"]] == list(range(found["steps_done"] + 1))
    model, _, _ = load_checkpoint(out / "recogniser.safetensors")
    assert same_weights(model, load_checkpoint(source)[0])
    assert "<th>before</th><th>after</th>" in (out / "readings.html").read_text()
    # another recogniser under the same name does not go on with this one's state
    other = CRNN(SMALLEST)
    save_checkpoint(other, CHARSET, source)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "recogniser_sha256 was" in result.stderr


def test_what_differs_is_marked_and_the_page_is_escaped() -> None:
    assert marked("the dise spins", "the disc spins") == ("the dis[e] spins", "the dis[c] spins")
    assert marked("ab", "abc") == ("ab[]", "ab[c]")
    rows = [{"image": "a", "before": "x", "after": "x"}, {"image": "<b>", "before": "<i>&", "after": "<u>&"}]
    assert [row["image"] for row in most_changed(rows)] == ["<b>", "a"]
    page = readings_page(rows)
    assert "1 of 2 lines are read differently" in page
    assert "&lt;b&gt;" in page
    assert "<i>" not in page
    assert "&lt;<del>i</del>&gt;&amp;" in page
