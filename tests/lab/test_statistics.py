"""The laboratory's own statistics beside scipy's: the same numbers where they are exact, close ones where drawn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gradcheck_lm.lab.measuring.metrics import LineErrors, bootstrap_interval, t_interval

GENERATOR = np.random.default_rng(7)
LENGTHS = GENERATOR.integers(20, 60, size=120)
BEFORE = LineErrors(GENERATOR.binomial(LENGTHS, 0.18), LENGTHS)
AFTER = LineErrors(GENERATOR.binomial(LENGTHS, 0.15), LENGTHS)


def test_the_bootstraps_interval_is_scipys() -> None:
    """scipy resamples the three columns together, and takes percentiles, as ours does; its draws are others."""

    def change(before: np.ndarray, after: np.ndarray, lengths: np.ndarray, axis: int = -1) -> np.ndarray:
        return (after.sum(axis) - before.sum(axis)) / lengths.sum(axis)

    theirs = stats.bootstrap(
        (BEFORE.edits, AFTER.edits, LENGTHS), change, paired=True, vectorized=True, n_resamples=20_000,
        method="percentile", random_state=1, batch=2000,
    ).confidence_interval  # fmt: skip
    ours = bootstrap_interval(BEFORE, AFTER, replications=20_000, seed=2)
    width = theirs.high - theirs.low
    assert abs(ours[0] - theirs.low) < 0.03 * width  # two draws of scipy's differ by as much
    assert abs(ours[1] - theirs.high) < 0.03 * width
    narrow = bootstrap_interval(BEFORE, AFTER, replications=20_000, seed=2, level=0.5)
    assert narrow[1] - narrow[0] < 0.5 * (ours[1] - ours[0])


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_students_interval_is_scipys(level: float) -> None:
    values = [0.31, 0.28, 0.35, 0.30]
    theirs = stats.ttest_1samp(values, 0.0).confidence_interval(level)
    assert t_interval(values, level=level) == pytest.approx((theirs.low, theirs.high), rel=1e-12)


def test_the_sign_flips_p_is_scipys() -> None:
    significance = pytest.importorskip(
        "gradcheck_lm.bench.study.statistics.significance", reason="studies are run in a checkout"
    )
    few = [LineErrors(side.edits[:12], side.lengths[:12]) for side in (BEFORE, AFTER)]
    differences = (few[1].edits - few[0].edits).astype(float)
    theirs = stats.permutation_test(
        (differences,), lambda x, axis=-1: x.sum(axis), permutation_type="samples", vectorized=True,
        n_resamples=10_000, alternative="two-sided",
    ).pvalue  # fmt: skip
    assert significance.sign_flip_test([(few[0], few[1])], flips=20_000) == pytest.approx(theirs, abs=0.015)


def test_the_studys_t_and_its_adjustment_are_scipys() -> None:
    significance = pytest.importorskip(
        "gradcheck_lm.bench.study.statistics.significance", reason="studies are run in a checkout"
    )
    values = [0.01, 0.03, -0.005, 0.02]
    assert significance.paired_t_test(values) == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=1e-12)
    p_values = [0.04, 0.01, 0.03, 0.2]
    # scipy has no Holm; its false discovery control bounds it from below, Bonferroni from above
    below, above = stats.false_discovery_control(p_values), np.minimum(1, 4 * np.array(p_values))
    adjusted = significance.holm(p_values)
    assert all(low <= own <= high for low, own, high in zip(below, adjusted, above, strict=True))
    assert adjusted == pytest.approx([0.09, 0.04, 0.09, 0.2])
