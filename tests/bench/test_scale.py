"""The benchmark of growth: its arithmetic, its points at a small size, its page. No test asserts seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gradcheck_lm.bench.scale import scale, scale_points
from gradcheck_lm.bench.scale.scale import Axis, axes, run_scale
from gradcheck_lm.bench.scale.scale_growth import exponent, faster_than_linear, growth
from gradcheck_lm.bench.scale.scale_page import page, panels
from gradcheck_lm.errors import ArgumentError, RunError

FIGURES = {"seconds", "cpu_seconds", "memory_mb", "process_mb"}


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_an_exponent_is_that_of_the_power(power: float) -> None:
    found = exponent([(x, 3.0 * x**power) for x in (10, 40, 160)])
    assert found == pytest.approx({"fitted": power, "flattest": power, "steepest": power})


def test_its_range_is_between_neighbours_and_small_values_are_left_out() -> None:
    found = exponent([(1, 0.5), (10, 10.0), (100, 10.0), (1000, 1000.0)], least=4.0)
    assert found == pytest.approx({"fitted": 1.0, "flattest": 0.0, "steepest": 2.0})
    assert exponent([(1, 0.5), (10, 10.0), (100, 90.0)], least=4.0) is None


def row(series: str, lines: int, seconds: float, memory: float = 100.0) -> dict[str, Any]:
    return {"kind": "errors", "series": series, "lines": lines, "seconds": seconds, "cpu_seconds": seconds,
            "memory_mb": memory, "process_mb": 500.0}  # fmt: skip


def report(*rows: dict[str, Any], in_lines: bool = True) -> dict[str, Any]:
    axis = {
        "title": "Texts", "x": "lines", "meaning": "lines compared", "in_lines": in_lines, "load": [0.5, 0.6],
        "time": "cpu_seconds", "points": list(rows), "growth": growth(rows, "lines", time="cpu_seconds"),
    }  # fmt: skip
    return {"axes": {"texts": axis}, "machine": "CPU, 1 thread", "versions": {"python": "3.13", "torch": "2"}}


LINEAR = [row("fine", n, n / 1000) for n in (1000, 4000, 16_000)]
SQUARE = [row("bad", n, (n / 1000) ** 2) for n in (1000, 4000, 16_000)]


def test_what_grows_faster_than_the_lines_is_said_and_what_counts_no_lines_is_not() -> None:
    assert faster_than_linear(report(*LINEAR)) == []
    assert faster_than_linear(report(*LINEAR, *SQUARE)) == ["cpu_seconds of texts, bad: exponent 2.00"]
    assert faster_than_linear(report(*SQUARE, in_lines=False)) == []
    assert "**No**: none of 2 curves over lines" in page(report(*LINEAR))
    assert "**Yes**, of 4 curves over lines" in page(report(*LINEAR, *SQUARE))


def test_the_page_has_a_row_for_each_point_and_an_exponent_for_each_curve() -> None:
    text = page(report(*LINEAR, *SQUARE))
    assert "| fine | 16,000 | 16.00 | 16.00 | 100 | 500 |" in text
    assert "- bad: time 2.00 (2.00 to 2.00), memory 0.00 (0.00 to 0.00)" in text
    low = [row("fine", n, n / 1000, memory=1.0) for n in (1000, 4000, 16_000)]
    assert "memory not fitted (under 4 MB in all but two rows at most)" in page(report(*low))


def test_each_axis_has_a_panel_of_time_and_one_of_memory() -> None:
    time, memory = panels(report(*LINEAR, *SQUARE))
    assert (time.title, memory.title) == ("Texts: time", "Texts: memory")
    assert list(time.series["bad"].ys) == [1.0, 16.0, 256.0]
    assert time.log_x
    assert time.log_y


def test_all_points_name_a_kind_and_their_axis(tmp_path: Path) -> None:
    for axis in axes(tmp_path).values():
        for point in axis.points:
            assert point["kind"] in scale_points.KINDS
            assert axis.x in point or axis.x == "lm_parameters"
        assert len({json.dumps(point, sort_keys=True) for point in axis.points}) == len(axis.points)
    assert [name for name, axis in axes(tmp_path).items() if axis.in_lines] == ["batch", "epoch", "reading", "texts"]


@pytest.mark.parametrize("kind", ["errors", "bootstrap", "mistakes", "page"])
def test_a_point_of_texts(kind: str) -> None:
    found = scale_points.KINDS[kind]({"lines": 50})
    assert found.keys() == FIGURES
    assert found["process_mb"] > 20


def test_a_step_with_a_model_of_random_weights(tmp_path: Path) -> None:
    scale_points.write_lm(tmp_path / "lm", 32, 2)
    found = scale_points.step({"lines": 3, "width": 256, "samples": 2, "penalty": "policy_gradient", "repeats": 1,
                               "lm": str(tmp_path / "lm"), "dtype": "float32", "device": "cpu"})  # fmt: skip
    assert found.keys() == FIGURES | {"frames", "lm_parameters", "lm_dtype", "kept_mb"}
    assert found["frames"] == 64
    assert found["lm_parameters"] == 2 * (12 * 32**2 + 13 * 32) + 2 * 32 + (81 + 256) * 32
    alone = scale_points.step({"lines": 3, "width": 256, "penalty": None, "repeats": 1, "device": "cpu"})
    assert 0 < alone["kept_mb"] < found["kept_mb"]


def test_points_of_a_folder(tmp_path: Path) -> None:
    for count in (64, 70):
        (tmp_path / f"{count}").mkdir()
        scale_points.write_lines(tmp_path / f"{count}", count)
    spec = {"folder": str(tmp_path / "70"), "warm_up": str(tmp_path / "64")}
    found = scale_points.epoch({**spec, "kept": False})
    parts = {"opening_seconds", "preparing_seconds", "training_seconds"}
    assert found.keys() == FIGURES | parts | {"step_seconds"}
    assert found["seconds"] == pytest.approx(sum(found[part] for part in parts))
    assert scale_points.look(spec).keys() == FIGURES


@pytest.mark.slow
def test_a_small_run_writes_all_files_and_keeps_other_axes(tmp_path: Path) -> None:
    def known(_: Path) -> dict[str, Axis]:
        def axis(name: str, sizes: tuple[int, ...]) -> Axis:
            points = [{"kind": "errors", "series": "errors", "lines": size} for size in sizes]
            return Axis(name, name.title(), "lines", "lines", True, points)

        return {"one": axis("one", (20, 40, 80)), "two": axis("two", (20, 40))}

    run_scale(tmp_path, known=known)
    first = json.loads((tmp_path / "scale.json").read_text())
    assert first["axes"]["one"]["growth"].keys() == {"errors"}
    assert first["axes"]["two"]["growth"] == {}
    run_scale(tmp_path, only=["two"], known=known)
    assert json.loads((tmp_path / "scale.json").read_text())["axes"]["one"] == first["axes"]["one"]
    assert (tmp_path / "scale.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "scale.md").read_text().count("| errors |") == 5


def test_an_unknown_axis_and_a_point_that_fails_are_said(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no axis is called nothing; there are batch, width"):
        run_scale(tmp_path, only=["nothing"])
    with pytest.raises(RunError, match=r"(?s)the point .* could not be measured: .*KeyError: 'lines'"):
        scale.ask({"kind": "errors"}, tmp_path)
