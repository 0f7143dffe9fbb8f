"""The benchmark's own arithmetic, its loops against ours, and a small run. No test asserts seconds."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from penalties_fakes import random_logits

from gradcheck_lm.bench.penalties.estimators import (
    CASES,
    Measured,
    compare,
    interval,
    label,
    measure,
    page,
    usable_problems,
)
from gradcheck_lm.bench.penalties.growth import BASE, charset_of, growth_panels, random_lines
from gradcheck_lm.bench.penalties.penalties import run_penalties, story_decode, story_score
from gradcheck_lm.bench.timing import Timings, interleaved, kept_mb
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.batches import length_batches
from gradcheck_lm.penalties import PENALTIES


def test_ratios_are_taken_within_a_repeat():
    timings = Timings({"slow": [4.0, 40.0, 6.0, 8.0], "fast": [1.0, 10.0, 1.0, 4.0]})
    assert timings.ratio("slow", "fast") == {"median": 4.0, "low": 4.0, "high": 4.0}
    assert timings.median("slow") == 7.0


def test_contestants_take_turns_after_a_round_that_does_not_count():
    order: list[str] = []
    found = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2)
    assert "".join(order) == "ababab"
    assert [len(times) for times in found.seconds.values()] == [2, 2]


def test_what_autograd_keeps_is_counted_once_and_without_the_weights():
    weight = torch.ones(1000, 250, requires_grad=True)
    x = torch.ones(250, 1000, requires_grad=True)

    def work():
        y = (x @ weight).exp()  # keeps x, weight and y; 250 * 1000, 1000 * 250 and 250 * 250 floats
        (y * 2).sum().backward()

    assert kept_mb(work) == pytest.approx(4e-6 * (250_000 + 250_000 + 62_500))
    assert kept_mb(work, besides=[weight]) == pytest.approx(4e-6 * (250_000 + 62_500))


def test_the_storys_loops_say_what_ours_say():
    charset = Charset("abcdefg")
    logits = random_logits(40, 9, 8)
    assert story_decode(logits.argmax(2).permute(1, 0).numpy(), charset) == greedy_decode(logits, charset)
    char = load_language_model("char", device="cpu")
    texts = ["a bad cab", "face", "b"]
    assert torch.allclose(torch.stack([story_score(char, text) for text in texts]), char.score(texts), atol=1e-5)


def test_batches_cost_the_least_there_is():
    lengths, start = [3, 3, 9, 10, 11, 30, 2, 31, 12], 7
    order = sorted(lengths)

    def cost(parts):
        return sum(start + max(part) * len(part) for part in parts)

    def cuts(count):
        for places in itertools.chain.from_iterable(itertools.combinations(range(1, count), n) for n in range(count)):
            yield [order[a:b] for a, b in itertools.pairwise([0, *places, count])]

    found = length_batches(lengths, limit=10_000, start=start)
    assert cost([[lengths[index] for index in batch] for batch in found]) == min(map(cost, cuts(len(order))))


def test_random_lines_read_as_many_characters_as_asked_for():
    logits = random_lines({**BASE, "L": 20}, torch.device("cpu"))
    assert logits.shape == (128, 8, 80)
    lengths = [len(text) for text in greedy_decode(logits, charset_of(80))]
    assert 15 <= min(lengths) <= max(lengths) <= 25
    assert charset_of(160).size == 160


def test_growth_panels_have_a_curve_for_each_penalty():
    curves = {axis: {"relax": {"x": [1, 2], "milliseconds": [3.0, 4.0], "memory_mb": [0.0, 1.0]}} for axis in "NTCKL"}
    panels = growth_panels({"curves": curves})
    assert [panel.x_label for panel in panels] == ["N", "T", "C", "K", "L", "N"]
    assert list(panels[0].series["relax"].ys) == [3.0, 4.0]


def test_figures_of_an_estimator():
    exact = torch.tensor([1.0, 0.0, 0.0, 2.0], dtype=torch.float64)
    noise = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = compare(exact + noise, exact, classes=2, calls=3)
    assert found.cosine > 0.999
    assert found.bias < 0.02
    assert abs(found.spread - 2 / 5**0.5) < 0.02
    biased = compare((0.5 * exact + noise), exact, classes=2, calls=3)
    assert abs(biased.bias - 0.5) < 0.02
    assert abs(biased.blank - 0.2) < 0.02
    low, high = interval([0.1, 0.2, 0.3, 0.4, 0.9])
    assert 0.1 <= low < 0.3 < high <= 0.9


def test_cases_name_penalties_and_their_options():
    assert {name for name, _ in CASES} >= {name for name, p in PENALTIES.items() if p.kind in ("biased", "unbiased")}
    for name, options in CASES:
        assert set(options) <= set(PENALTIES[name].options())


def test_the_page_holds_a_row_for_each_case():
    problem = usable_problems("hinge", 1.0, 1)[0]
    rows: dict[str, list[Measured]] = {
        label(name, options): [measure(problem, name, options, 20)] * 2 for name, options in CASES[:3]
    }
    text = page({("hinge", "unsure"): rows}, problems=2, draws=20)
    for case in rows:
        assert f"| `{case}` |" in text


@pytest.mark.slow
def test_a_small_run(tmp_path):
    run_penalties(tmp_path, lms=["char"], repeats=3, device="cpu", curves=False, progress=lambda _: None)
    report = json.loads((tmp_path / "penalties.json").read_text())
    assert report["scoring"]["char"]["largest_difference_of_a_score"] < 1e-4
    assert {"ctc", "policy_gradient", "relax"} <= {*report["steps"]["char"]["over_ctc"]}
    assert "Greedy decoding, 128 x 64 x 80 logits" in (tmp_path / "penalties.md").read_text()
