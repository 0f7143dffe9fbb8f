"""The experiments' tests and intervals, held against scipy, against hand calculations and against what they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from study_records import errors

from gradcheck_lm.bench.study.statistics.significance import holm, paired_t_test, pooled_change, sign_flip_test, strata
from gradcheck_lm.bench.study.statistics.statistics import compare
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.measuring.metrics import LineErrors, bootstrap_interval


def noisy_pair(generator: np.random.Generator, lines: int = 60, fall: float = 0.0) -> tuple[LineErrors, LineErrors]:
    lengths = generator.integers(20, 60, lines)
    before, after = generator.binomial(lengths, 0.2), generator.binomial(lengths, 0.2 * (1 - fall))
    return LineErrors(before, lengths), LineErrors(after, lengths)


def test_holm_by_hand() -> None:
    # sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, and no p below a smaller one's
    assert holm([0.02, 0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.06, 0.04, 0.06])
    assert holm([0.5, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_holm_keeps_the_family_wise_error() -> None:
    generator = np.random.default_rng(5)
    wrong = sum(min(holm(generator.random(8).tolist())) < 0.05 for _ in range(4000))
    low, high = stats.binom.ppf([0.001, 0.999], 4000, 1 - (1 - 0.05 / 8) ** 8)
    assert low <= wrong <= high


def test_paired_t_is_scipys() -> None:
    before, after = [0.21, 0.24, 0.19, 0.22], [0.2, 0.21, 0.185, 0.2]
    expected = stats.ttest_rel(after, before).pvalue
    assert paired_t_test(np.subtract(after, before).tolist()) == pytest.approx(expected, rel=1e-12)


def test_paired_t_has_nothing_to_say_of_one_seed_or_of_seeds_without_spread() -> None:
    assert paired_t_test([0.1]) is None
    assert paired_t_test([-0.02, -0.02, -0.02]) is None
    assert paired_t_test([0.0, 0.0, 0.0]) == 1.0


def test_sign_flips_against_every_pattern() -> None:
    before, after = errors([5, 7, 9, 4, 8, 6, 7, 9]), errors([4, 7, 6, 5, 6, 6, 5, 8])
    difference = after.edits - before.edits
    patterns = itertools.product((-1, 1), repeat=len(difference))
    exact = np.mean([abs(np.dot(signs, difference)) >= abs(difference.sum()) for signs in patterns])
    assert sign_flip_test([(before, after)]) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


def test_sign_flips_against_scipy() -> None:
    before, after = noisy_pair(np.random.default_rng(3), lines=40, fall=0.15)
    found = stats.permutation_test(
        (after.edits, before.edits),
        lambda a, b, axis: np.sum(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    ours = sign_flip_test([(before, after)])
    assert 0.005 < ours < 0.5
    assert ours == pytest.approx(found.pvalue, abs=0.012)  # four standard errors of two estimates at p = .5: .02


def test_no_permutation_gives_a_p_of_zero() -> None:
    assert sign_flip_test([(errors([9] * 50), errors([1] * 50))]) == pytest.approx(1 / 20_001)


@pytest.mark.parametrize("test", ["t", "flips", "one table"])
def test_p_is_uniform_where_nothing_is_there(test: str) -> None:
    generator = np.random.default_rng(11)
    found = []
    for _ in range(400):
        pairs = [noisy_pair(generator) for _ in range(5 if test == "t" else 1)]
        if test == "t":
            found.append(paired_t_test([after.rate - before.rate for before, after in pairs]))
        elif test == "flips":
            found.append(sign_flip_test(pairs, flips=1000))
        else:
            seeds = [noisy_pair(generator) for _ in range(4)]
            error = compare({i: a for i, (a, _) in enumerate(seeds)}, {i: b for i, (_, b) in enumerate(seeds)})
            found.append(error.p)
    assert stats.kstest(found, "uniform").pvalue > 0.01
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09


def test_lines_read_by_several_runs_are_not_taken_for_several_lines() -> None:
    """All seeds share their lines and nearly all of their noise: resampled apart, p would be far too small."""
    generator = np.random.default_rng(2)
    apart, together = [], []
    for _ in range(200):
        before, after = noisy_pair(generator)
        pairs = [(before, after)] * 3
        apart.append(sign_flip_test(pairs, flips=500))
        together.append(sign_flip_test(strata(pairs), flips=500))
    assert np.mean(np.array(apart) < 0.05) > 0.15
    assert np.mean(np.array(together) < 0.05) < 0.09
    low, high = pooled_change(strata([(before, after)] * 3)).points_interval
    assert (low, high) == pytest.approx(bootstrap_interval(before, after, replications=5000))


def test_pooled_interval_of_one_seed_is_the_laboratorys() -> None:
    before, after = noisy_pair(np.random.default_rng(4), lines=144, fall=0.2)
    found = pooled_change([(before, after)], replications=2000, seed=7)
    assert found.points_interval == pytest.approx(bootstrap_interval(before, after, replications=2000, seed=7))
    assert found.points == pytest.approx(after.rate - before.rate)
    assert found.relative == pytest.approx((after.rate - before.rate) / before.rate)


def test_pooled_interval_against_scipy() -> None:
    before, after = noisy_pair(np.random.default_rng(9), lines=150, fall=0.25)
    found = stats.bootstrap(
        (before.edits, after.edits, before.lengths),
        lambda a, b, n, axis: (b - a).sum(axis) / n.sum(axis),
        paired=True, vectorized=True, method="percentile", n_resamples=5000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    ours = pooled_change([(before, after)])
    width = found.high - found.low
    assert ours.points_interval == pytest.approx((found.low, found.high), abs=0.06 * width)


def test_strata_take_the_difference_between_seeds_out_of_the_interval() -> None:
    """One seed is hard and one is easy; each falls by the same share in every line: only a wrong pooling has noise."""
    pairs = [(errors([20] * 30, 40), errors([18] * 30, 40)), (errors([2] * 30, 41), errors([0] * 30, 41))]
    found = pooled_change(pairs)
    assert found.points == pytest.approx(-4 / 81)
    assert found.points_interval == pytest.approx((-4 / 81, -4 / 81))
    assert found.relative_interval == pytest.approx((-4 / 22, -4 / 22))


def test_seeds_are_resampled_independently() -> None:
    before, after = noisy_pair(np.random.default_rng(6), lines=200)
    one = pooled_change([(before, after)]).points_interval
    two = pooled_change([(before, after)] * 2).points_interval  # as if of other lines: see `strata`
    assert (two[1] - two[0]) == pytest.approx((one[1] - one[0]) / np.sqrt(2), rel=0.1)


def test_the_interval_covers_as_often_as_it_says() -> None:
    generator = np.random.default_rng(8)
    covered = 0
    for _ in range(300):
        low, high = pooled_change([noisy_pair(generator, lines=100)], replications=400).points_interval
        covered += low <= 0 <= high
    assert 0.90 <= covered / 300 <= 0.985


def test_change_is_the_mean_over_seeds_by_hand() -> None:
    reference = {0: errors([10, 10]), 1: errors([20, 20], 41)}
    arm = {0: errors([8, 8]), 1: errors([18, 18], 41)}
    error = compare(reference, arm)
    assert error.change == pytest.approx((-0.2 - 0.1) / 2)
    assert error.points == pytest.approx((52 - 60) / 162)
    assert error.cer == pytest.approx((16 / 80 + 36 / 82) / 2)
    half = 12.7062 * 0.05  # t for one degree of freedom; the standard error of -.2 and -.1 is .05
    assert error.change_interval == pytest.approx((-0.15 - half, -0.15 + half), rel=1e-4)


def test_a_reference_without_mistakes_has_no_relative_change() -> None:
    error = compare({0: errors([0, 0])}, {0: errors([1, 0])})
    assert error.change is None
    assert error.points == pytest.approx(1 / 80)


def test_tests_refuse_other_lines() -> None:
    with pytest.raises(ArgumentError, match="there are 2 and 3"):
        sign_flip_test([(errors([1, 2]), errors([1, 2, 3]))])
    with pytest.raises(ArgumentError, match="there are none"):
        pooled_change([])
