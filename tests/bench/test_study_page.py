"""The experiments' page: its tables, its verdicts, its picture and its summary."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from study_records import records

from gradcheck_lm.bench.study.page.figures import _limits, group_text
from gradcheck_lm.bench.study.page.page import write_study
from gradcheck_lm.bench.study.running.plan import Run
from gradcheck_lm.bench.study.statistics.statistics import Error, Table, make_tables
from gradcheck_lm.bench.study.statistics.verdict import FUSED, GREEDY, Verdict, judge, p_text
from gradcheck_lm.draw.plots.forest import Effect, Forest, ForestRow, save_forest
from gradcheck_lm.errors import ArgumentError, DataError

FALLS = {"policy_gradient": (-0.25, -0.15), "gumbel_softmax": (-0.15, 0.0), "relax": (0.0, 0.0)}


def judged(found: list[dict[str, Any]]) -> Verdict:
    table = make_tables(found)
    assert len(table) == 1
    return judge(table[0])


def text_of(found: list[dict[str, Any]], out: Path, **options: Any) -> str:
    return write_study(found, out, **options).read_text(encoding="utf-8")


def planted(verdict_of: tuple[float, float, float] | None, table: Table, reading: str, arm: str) -> Table:
    """The table with other numbers in one cell: (points, low, high) in an adjusted p of .01, or nothing shown."""
    rows = []
    for row in table.rows:
        if row.arm == arm:
            points, low, high = verdict_of or (-0.001, -0.01, 0.01)
            error = dataclasses.replace(
                row.errors[reading], points=points, change=points / 0.2, points_interval=(low, high),
                p=0.001, holm=0.01 if verdict_of else 0.5,
            )  # fmt: skip
            row = dataclasses.replace(row, errors={**row.errors, reading: error})
        rows.append(row)
    return dataclasses.replace(table, rows=rows)


def test_the_page_says_what_was_planted(tmp_path: Path) -> None:
    found = records(effects={"argmax": (0.0, 0.0), **FALLS}, controls={"entropy": (0.3, 0.3)}, random=1)
    page = text_of(found, tmp_path)
    assert "On top of decode-time fusion, CER is lower with `policy_gradient`." in page
    assert "- **policy_gradient** lowers CER beyond decode-time fusion (fused -1" in page
    assert "- **gumbel_softmax** lowers greedy CER (greedy -1" in page
    assert "beyond decode-time fusion no effect is shown (fused" in page
    assert "- **relax** shows no effect (" in page
    assert "- **argmax** changes nothing: every line has as many edits as with the reference." in page
    assert "- **entropy** (control) harms (" in page
    assert "p: paired t over seeds; Holm over 4 arms and controls in each reading." in page
    assert "Decode-time fusion alone takes the reference from " in page


def test_every_line_of_a_table_has_as_many_cells_as_its_head(tmp_path: Path) -> None:
    lines = text_of(records(), tmp_path).splitlines()
    tables = 0
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if set(line) == {"|", "-"}:
            tables += 1
            width = line.count("|")
            assert before.count("|") == width
        if line.startswith("|") and after.startswith("|"):
            assert line.count("|") == after.count("|")
    assert tables == 3


def test_the_same_records_give_the_same_files(tmp_path: Path) -> None:
    found = records(seeds=[0, 1])
    for name in ("a", "b"):
        write_study(found, tmp_path / name)
    for name in ("experiments.md", "experiments.png", "experiments.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_nothing_helps_here(tmp_path: Path) -> None:
    found = records(effects={"relax": (0.0, 0.0), "soft_embedding": (0.0, 0.0)}, controls={"entropy": (-0.2, -0.2)})
    page = text_of(found, tmp_path)
    assert "**Verdict.** Nothing helps here. Of the controls, `entropy` lowers CER too." in page
    assert "| none | none | none | entropy fused -" in page


def test_help_without_fusion_is_not_called_help_beyond_it() -> None:
    verdict = judged(records(effects={"gumbel_softmax": (-0.2, 0.0)}, controls={}))
    assert verdict.headline.startswith("Nothing helps on top of decode-time fusion here; greedy CER is lower with")
    assert (verdict.beyond_fusion, verdict.greedy_only) == ([], ["gumbel_softmax"])
    without = records(effects={"gumbel_softmax": (-0.2, 0.0)}, controls={})
    for record in without:
        del record["edits"]["held_out"]["fused"]
    verdict = judged(without)
    assert verdict.headline == "Greedy CER is lower with `gumbel_softmax`; fusion was not measured."
    assert verdict.sentences[0].endswith("; with fusion not measured.")


def test_an_arm_that_a_control_matches_is_named() -> None:
    verdict = judged(records(effects={"policy_gradient": (-0.2, -0.15)}, controls={"pseudo-labels": (-0.3, -0.25)}))
    assert "Of the controls, `pseudo-labels` lowers CER too." in verdict.headline
    assert "Fused, `policy_gradient` is no better than the control `pseudo-labels`." in verdict.headline
    assert verdict.greedy_only == []  # it is lower both ways, and stands in one column
    verdict = judged(records(effects={"policy_gradient": (-0.3, -0.25)}, controls={"pseudo-labels": (-0.1, -0.1)}))
    assert "no better than the control" not in verdict.headline


LOWER, HIGHER = (-0.02, -0.03, -0.01), (0.02, 0.01, 0.03)


@pytest.mark.parametrize(
    ("greedy", "fused", "clause"),
    [
        (LOWER, LOWER, "lowers CER beyond decode-time fusion (fused -10.0 %, Holm p = .0100, greedy -10.0 %"),
        (None, LOWER, "lowers CER beyond decode-time fusion (fused"),
        (HIGHER, LOWER, "lowers CER beyond decode-time fusion although its greedy CER is higher ("),
        (LOWER, HIGHER, "lowers greedy CER and harms the fused one (fused +10.0 %, Holm p = .0100, greedy -10.0 %"),
        (None, HIGHER, "harms the fused CER (fused +10.0 %"),
        (HIGHER, HIGHER, "harms (fused +10.0 %"),
        (HIGHER, None, "harms greedy CER (greedy +10.0 %, Holm p = .0100); beyond decode-time fusion no effect"),
        (None, None, "shows no effect (fused"),
    ],
)  # fmt: skip
def test_a_sentence_follows_from_the_numbers(greedy: Any, fused: Any, clause: str) -> None:
    table = make_tables(records(effects={"relax": (0.0, 0.0)}, controls={}))[0]
    table = planted(fused, planted(greedy, table, GREEDY, "relax"), FUSED, "relax")
    assert judge(table).sentences[0].startswith(f"**relax** {clause}")


def test_seeds_on_the_same_lines_need_the_lines_to_agree() -> None:
    table = make_tables(records(effects={"relax": (0.0, 0.0)}, controls={}))[0]
    wide = planted((-0.02, -0.05, 0.01), table, FUSED, "relax")
    assert judge(wide).beyond_fusion == ["relax"]
    assert judge(dataclasses.replace(wide, same_lines=True)).beyond_fusion == []
    narrow = dataclasses.replace(planted(LOWER, table, FUSED, "relax"), same_lines=True)
    assert judge(narrow).beyond_fusion == ["relax"]


def test_arms_of_a_family_share_a_sentence_and_controls_have_their_own() -> None:
    verdict = judged(
        records(
            effects={"minimum_risk, samples": (0.0, 0.0), "minimum_risk, fused beam": (-0.3, -0.3)},
            controls={"scrambled LM": (1.0, 1.0)},
        )
    )
    assert len(verdict.sentences) == 3
    assert verdict.sentences[0].startswith("**minimum_risk**: `minimum_risk, samples` shows no effect (")
    assert "; `minimum_risk, fused beam` lowers CER beyond" in verdict.sentences[0]
    assert verdict.sentences[1].startswith("**scrambled LM** (control) harms (")
    assert verdict.sentences[2].startswith("The control `CTC on fused readings` of `minimum_risk, fused beam` has not")
    assert verdict.harmful == []


def test_what_is_missing_is_on_the_page(tmp_path: Path) -> None:
    found = [record for record in records() if not (record["arm"] == "relax" and record["seed"] == 3)]
    found = [record for record in found if not (record["arm"] == "start" and record["seed"] == 4)]
    next(record for record in found if record["arm"] == "entropy")["stopped"] = "the reading drifts"
    lost = next(record for record in found if record["arm"] == "soft_embedding" and record["seed"] == 1)
    del lost["edits"]["held_out"]["fused"]
    page = text_of(found, tmp_path)
    assert "| relax † |" in page
    assert "† `relax` lacks seed 3: its rates are of seeds 0, 1, 2, 4" in page
    assert "† `relax` has seed 4 without its reference: not compared." in page
    assert "† `soft_embedding` has no reading held_out, fused of seed 1." in page
    assert "`entropy` stopped before its last step (seed 0: the reading drifts)." in page


def test_one_seed_is_said_to_be_one(tmp_path: Path) -> None:
    page = text_of(records(seeds=[0]), tmp_path)
    assert "p: paired sign flips over lines" in page
    assert "nothing of how another run of the same arm would end" in page
    assert "- Seeds to a table: 1." in page
    assert "nothing of how another run of the same arm" not in text_of(records(seeds=range(3)), tmp_path)


def test_a_table_whose_reference_has_not_run(tmp_path: Path) -> None:
    page = text_of([record for record in records(seeds=[0]) if record["arm"] != "start"], tmp_path)
    assert "The reference `start` has not run: nothing can be compared." in page
    assert "**Verdict.** Nothing can be said yet: no arm has a run beside its reference." in page
    assert not (tmp_path / "experiments.png").exists()
    assert "experiments.png" not in page
    page = text_of([record for record in records(seeds=[0]) if record["arm"] == "start"], tmp_path)
    assert "**Verdict.** No arm has run yet." in page


def test_settings_stand_once_for_all_arms_or_by_arm(tmp_path: Path) -> None:
    found = records(effects={"relax": (0.0, 0.0), "policy_gradient": (0.0, 0.0)}, controls={})
    for record in found:
        if record["arm"] == "relax":
            record["settings"]["weight"] = 0.5 + record["seed"]
    page = text_of(found, tmp_path)
    assert "Settings of all arms: objective ratio; steps 40; batch size 16; language model char." in page
    assert "- `relax`: penalty relax; weight 0.5 to 4.5" in page
    assert "- `policy_gradient`: penalty policy_gradient; weight 1" in page


def test_notes_stand_in_their_study(tmp_path: Path) -> None:
    found = records(seeds=[0]) + records(study="labels", group={"labels": 0.1}, seeds=[0], reference="ctc")
    page = text_of(found, tmp_path, notes={"labels": "By hand: few labels.", "real": "Not run yet."})
    assert page.index("## With labels") < page.index("By hand: few labels.") < page.index("### Labels 10 %")
    assert "Not run yet." not in page
    with pytest.raises(ArgumentError, match="notes for lables, but the studies are new_hand, labels: name one of them"):
        write_study(found, tmp_path, notes={"lables": "x"})


def test_no_records_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no runs to report; run one: python -m gradcheck_lm.bench study run"):
        write_study([], tmp_path)


def test_the_summary_holds_every_row(tmp_path: Path) -> None:
    write_study(records(seeds=[0, 1]), tmp_path)
    table = json.loads((tmp_path / "experiments.json").read_text(encoding="utf-8"))["tables"][0]
    assert len(table["rows"]) == 14
    row = next(row for row in table["rows"] if row["arm"] == "policy_gradient")
    error = row["errors"][GREEDY]
    assert {field.name for field in dataclasses.fields(Error)} == set(error)
    assert error["change"] == pytest.approx(-0.25, abs=0.06)
    assert set(error["cer_by_seed"]) == {"0", "1"}


def test_the_picture_is_light_and_as_wide_as_a_page(tmp_path: Path) -> None:
    write_study(records(seeds=[0, 1]) + records(group={"hand": "other"}, seeds=[0], random=2), tmp_path)
    with Image.open(tmp_path / "experiments.png") as picture:
        assert picture.width == 1200
        assert np.asarray(picture.convert("L")).mean() > 220


def test_a_harmful_control_does_not_squeeze_the_picture() -> None:
    tables = make_tables(records(effects=FALLS, controls={"scrambled LM": (1.5, 1.5)}))
    low, high = _limits(tables)
    assert -45 < low < -25
    assert 5 < high < 40


def test_what_lies_beyond_the_axis_is_an_arrow_with_its_number(tmp_path: Path) -> None:
    rows = [
        ForestRow("scrambled", {"greedy": Effect(150.0, 140.0, 160.0)}),
        ForestRow("ours", {"greedy": Effect(-9.0)}),
    ]
    text = save_forest(tmp_path / "forest.svg", [Forest("hand", "%", rows, (-20.0, 40.0))]).read_text(encoding="utf-8")
    assert "<!-- +150 -->" in text
    assert "<!-- scrambled -->" in text
    assert "<!-- -9 -->" not in text.replace("−", "-")


def test_a_picture_of_nothing_or_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"there are no panels to draw into 'a.png'"):
        save_forest(tmp_path / "a.png", [])
    with pytest.raises(ArgumentError, match=r"its ending is none of \.png, \.svg, \.pdf"):
        save_forest(tmp_path / "a.bmp", [Forest("t", "x", [], (-1.0, 1.0))])


def test_words_for_groups_and_p() -> None:
    assert group_text({"hand": "zeyada", "language_model": "char", "labels": 0.02}) == (
        "hand zeyada, language model char, labels 2 %"
    )
    assert group_text({}) == "all runs"
    assert [p_text(p) for p in (0.00001, 0.0312, 1.0, 0.99996)] == ["<.0001", ".0312", "1", "1"]
    assert p_text(0.0312, equals=True) == "= .0312"


def test_what_is_planned_and_has_not_run_is_named(tmp_path: Path) -> None:
    found = records(effects={"relax": (0.0, 0.0), "argmax": (0.0, 0.0)}, controls={}, seeds=[0, 1])
    found = [record for record in found if record["arm"] != "argmax" or record["seed"] == 0]
    planned = [
        Run("new_hand", {"hand": "zeyada"}, arm, seed, "start")
        for arm in ("start", "relax", "argmax", "scrambled LM")
        for seed in range(3)
    ]
    page = text_of(found, tmp_path, planned=planned)
    assert "\n**Planned and not run**: *scrambled LM*; seed 2 of *start*, *relax*; seeds 1, 2 of *argmax*.\n" in page
    done = [run for run in planned if (run.arm, run.seed) in {(one["arm"], one["seed"]) for one in found}]
    assert "Planned and not run" not in text_of(found, tmp_path, planned=done)
    later = [dataclasses.replace(run, seed=run.seed + 5) for run in done]
    assert "**Planned and not run**: all arms." in text_of(found, tmp_path, planned=later)
