"""The tables of the experiments' statistics: which test is used, what is compared with what, and planted effects."""

from __future__ import annotations

import pytest
from study_records import errors, records

from gradcheck_lm.bench.study.statistics.significance import holm, sign_flip_test
from gradcheck_lm.bench.study.statistics.statistics import BY_NATURE, SIGN_FLIPS, T_TEST, Table, compare, make_tables
from gradcheck_lm.errors import DataError

GREEDY, FUSED = "held_out/greedy", "held_out/fused"


def only(found: list[Table]) -> Table:
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(("seeds", "test"), [(1, SIGN_FLIPS), (2, SIGN_FLIPS), (3, T_TEST), (5, T_TEST)])
def test_which_test_is_used(seeds: int, test: str) -> None:
    row = only(make_tables(records(seeds=range(seeds)))).row("relax")
    assert row is not None
    assert row.errors[GREEDY].test == test


def test_seeds_that_all_fall_alike_are_tested_over_lines() -> None:
    """A deterministic arm on the same lines: its seeds are one run, and t over them would give p = 0."""
    before, after = errors([9, 8, 7, 9, 8, 6, 7, 9]), errors([8, 8, 6, 9, 7, 6, 7, 8])
    error = compare(dict.fromkeys(range(3), before), dict.fromkeys(range(3), after))
    assert error.test == SIGN_FLIPS
    assert error.p == pytest.approx(sign_flip_test([(before, after)]))
    assert error.p is not None
    assert error.p > 0.05


def test_an_arm_that_reads_as_its_reference_changes_exactly_nothing() -> None:
    found = records(effects={"argmax": (0.0, 0.0), "relax": (0.1, 0.1)}, controls={})
    table = only(make_tables(found))
    broken = table.row("argmax")
    assert broken is not None
    for error in broken.errors.values():
        assert (error.change, error.change_interval) == (0.0, (0.0, 0.0))
        assert (error.points, error.points_interval) == (0.0, (0.0, 0.0))
        assert (error.p, error.test, error.holm) == (None, BY_NATURE, None)
    for record in found:  # the same readings by an arm that could have moved: a hypothesis like any other
        if record["arm"] == "argmax":
            record["settings"]["penalty"] = "soft_embedding"
    row = only(make_tables(found)).row("argmax")
    assert row is not None
    assert (row.errors[GREEDY].p, row.errors[GREEDY].holm) == (1.0, 1.0)


def test_an_argmax_arm_that_moved_is_tested() -> None:
    found = records(effects={"argmax": (0.0, 0.0)}, controls={})
    next(record for record in found if record["arm"] == "argmax")["edits"]["held_out"]["greedy"][0] += 1
    row = only(make_tables(found)).row("argmax")
    assert row is not None
    assert row.errors[GREEDY].p is not None
    assert row.errors[FUSED].p is None


def test_a_planted_effect_is_found_and_nothing_else() -> None:
    effects = {"policy_gradient": (-0.25, -0.15), **{f"arm {i}": (0.0, 0.0) for i in range(6)}}
    table = only(make_tables(records(effects=effects, controls={}, random=3)))
    for reading, planted in ((GREEDY, -0.25), (FUSED, -0.15)):
        rows = {row.arm: row.errors[reading] for row in table.rows if row.kind == "arm"}
        found = rows.pop("policy_gradient")
        assert found.holm is not None
        assert found.holm < 0.05
        assert found.change == pytest.approx(planted, abs=0.05)
        low, high = found.change_interval or (0, 0)
        assert low < planted < high < 0
        assert all(error.holm is not None and error.holm > 0.05 for error in rows.values())


def test_holm_counts_arms_and_controls_of_one_reading_alone() -> None:
    table = only(make_tables(records(study="labels", reference="ctc", effects={
        "start": (1.0, 0.9), "argmax": (0.0, 0.0), "relax": (-0.1, 0.0), "soft_embedding": (0.0, 0.0),
    }, controls={"entropy": (0.0, 0.0)})))  # fmt: skip
    tested = {row.arm: row.errors[GREEDY] for row in table.rows if row.errors[GREEDY].p is not None}
    assert set(tested) == {"relax", "soft_embedding", "entropy"}
    expected = holm([error.p or 0.0 for error in tested.values()])
    assert [error.holm for error in tested.values()] == pytest.approx(expected)
    start = table.row("start")
    assert start is not None
    assert (start.kind, start.errors[GREEDY].p) == ("start", None)
    assert start.errors[GREEDY].change is not None


def test_rows_stand_in_order() -> None:
    found = records(
        effects={"relax": (0, 0), "start": (1, 1), "argmax": (0, 0)}, controls={"a": (0, 0)}, reference="ctc"
    )
    assert [row.arm for row in only(make_tables(found[::-1])).rows] == ["ctc", "start", "argmax", "relax", "a"]
    assert [row.arm for row in only(make_tables(found)).rows] == ["ctc", "start", "relax", "argmax", "a"]


def test_a_missing_seed_is_told_and_the_rest_compared_in_pairs() -> None:
    found = [record for record in records() if (record["arm"], record["seed"]) != ("policy_gradient", 3)]
    table = only(make_tables(found))
    row = table.row("policy_gradient")
    assert row is not None
    assert (list(row.missing), list(row.seeds)) == ([3], [0, 1, 2, 4])
    error = row.errors[GREEDY]
    assert list(error.seeds) == [0, 1, 2, 4]
    whole = only(make_tables([record for record in found if record["seed"] != 3])).row("policy_gradient")
    assert whole is not None
    assert (error.p, error.change) == (whole.errors[GREEDY].p, whole.errors[GREEDY].change)


def test_an_arm_without_its_reference_is_not_compared() -> None:
    found = [record for record in records(seeds=[0]) if record["arm"] != "start"]
    error = only(make_tables(found)).row("relax")
    assert error is not None
    assert (error.errors[GREEDY].change, error.errors[GREEDY].p, error.errors[GREEDY].seeds) == (None, None, ())


def test_a_reading_that_was_not_measured_is_left_out() -> None:
    found = records(seeds=[0, 1, 2])
    for record in found:
        del record["edits"]["held_out"]["fused"]
        record["lm"] = float("nan")
    row = only(make_tables(found)).row("relax")
    assert row is not None
    assert FUSED not in row.errors
    assert GREEDY in row.errors
    assert row.figures["lm"] is None


def test_records_that_contradict_one_another_are_refused() -> None:
    found = records(seeds=[0, 1])
    with pytest.raises(DataError, match=r"relax/seed-1 and .*relax/seed-1 are the same arm and seed: keep one"):
        make_tables([*found, next(r for r in found if r["key"].endswith("relax/seed-1"))])
    other = records(seeds=[0], random=9)
    mixed = [r for r in found if r["arm"] == "start" and r["seed"] == 0] + [r for r in other if r["arm"] == "relax"]
    with pytest.raises(DataError, match=r"do not have the same held_out lines .*run both with the same seed and data"):
        make_tables(mixed)
    with pytest.raises(DataError, match=r"held against 'ctc', but .* against 'start'"):
        make_tables([found[0], {**found[1], "reference": "ctc"}])
    with pytest.raises(DataError, match=r"seed-0: the record has no edits, lengths; run this arm again"):
        make_tables([{k: v for k, v in found[0].items() if k not in ("edits", "lengths")}])
    short = {**found[0], "lengths": {"held_out": [3], "adapted": found[0]["lengths"]["adapted"]}}
    with pytest.raises(DataError, match="edits of 144 lines but 1 lengths in held_out/greedy"):
        make_tables([short])
