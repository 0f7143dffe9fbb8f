"""The options of all commands: pinned, said once, checked before anything is loaded, read at 80 columns."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from command_options import described
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.commands.common import friendly
from gradcheck_lm.commands.options import argument, takes_settings
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.config import PENALTY_NAMES, ComparisonConfig, TrainingConfig
from gradcheck_lm.lab.settings import OBJECTIVES, PROPOSALS, AdaptSettings, TrainSettings
from gradcheck_lm.options import GIVEN, NEVER, Option, identity_of, option, setting


def call(*arguments: object, program: typer.Typer = app, **environment: str) -> tuple[int, str, str]:
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(program, words, env={"COLUMNS": "80", **environment})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_every_option_is_as_it_was(golden: Callable[[str, str], None]) -> None:
    golden("command_options.txt", described())


# ---------------------------------------------------------------------- a setting is said once


@dataclass(frozen=True)
class Walk:
    steps: int = option(3, "How far.", least=1, identity=NEVER)
    gait: str = option("trot", "How.", choices=("walk", "trot"), panel="Manner")
    tags: tuple[str, ...] = option((), "Labels.", name="tag", identity=GIVEN)
    stops: tuple[str, ...] = option(("inn",), "Where.", separated=True)
    hat: str | None = option(None, "On the head.", suggestions=("bowler", "bonnet"))
    brim: int = option(2, "Of the hat.", identity="hat")
    hidden: float = setting(0.5, least=0)


@pytest.fixture
def walks() -> tuple[typer.Typer, list[tuple[Any, ...]]]:
    """A program of one command, and what it was called with."""
    program, seen = typer.Typer(), []

    def walk(
        where: Annotated[tuple[Path, ...], argument("To.")],
        settings: Walk = Walk(hidden=2.0, steps=4),
        quick: Annotated[bool, Option("Now.", switch=True, short="-q")] = False,
    ) -> None:
        seen.append((where, settings, quick))

    program.command()(friendly(takes_settings(walk)))
    return program, seen


def test_a_field_is_an_option_with_the_commands_own_default(walks: tuple[typer.Typer, list[Any]]) -> None:
    program, seen = walks
    assert call("here", "there", program=program)[0] == 0
    assert seen.pop() == ((Path("here"), Path("there")), Walk(hidden=2.0, steps=4), False)
    words = (
        "x",
        "--steps",
        9,
        "--gait",
        "walk",
        "--tag",
        "a",
        "--tag",
        "b",
        "--stops",
        "inn, mill",
        "--hat",
        "fez",
        "-q",
    )
    assert call(*words, program=program)[0] == 0
    wanted = Walk(9, "walk", ("a", "b"), ("inn", "mill"), "fez", hidden=2.0)
    assert seen.pop() == ((Path("x"),), wanted, True)


def test_a_value_that_cannot_be_is_refused_before_the_command_runs(walks: tuple[typer.Typer, list[Any]]) -> None:
    program, seen = walks
    code, _, err = call("x", "--steps", 0, program=program)
    assert (code, err) == (2, "gradcheck-lm: --steps is 0; it must be at least 1\n")
    code, _, err = call("x", "--gait", "fly", program=program)
    assert code == 2
    assert "'fly'" in err
    assert "walk" in err
    assert call("x", "--hidden", 1, program=program)[0] == 2  # a setting is no option
    assert not seen
    with pytest.raises(ArgumentError, match="gait is 'fly'; choose walk or trot"):
        Option("", choices=("walk", "trot")).check("gait", "fly")
    for bad in (float("nan"), float("inf"), 0.0):
        with pytest.raises(ArgumentError, match="a number above 0"):
            Option("", above=0).check("rate", bad)
    Option("", above=0, finite=False).check("limit", float("inf"))


def test_the_identity_follows_from_the_fields() -> None:
    assert identity_of(Walk()) == {"gait": "trot", "stops": ["inn"], "hat": None, "hidden": 0.5}
    assert identity_of(Walk(tags=("a",), hat="fez")) == {
        "gait": "trot", "tags": ["a"], "stops": ["inn"], "hat": "fez", "brim": 2, "hidden": 0.5,
    }  # fmt: skip


def test_two_settings_with_one_name_are_a_fault_of_the_command() -> None:
    def twice(one: Walk, steps: Annotated[int, Option("Again.")] = 1) -> None: ...

    with pytest.raises(AssertionError, match="two options"):
        takes_settings(twice)


# ---------------------------------------------------------------------- what saved runs were made with


def test_runs_of_before_have_the_identity_of_now() -> None:
    """As version 0.1.0 wrote it into states: with another key or value they would all be refused."""
    plain = {
        "--data": "synthetic", "--validation": None, "--split": None, "--validation-split": None, "--ok-only": False,
        "--tags": [], "--recogniser": "small", "--width": None, "--lines": 12000,
        "--texts": ["stdlib", "bible", "figures"], "--penalty": None, "--lm": "char", "--lm-weight": 0.1,
        "--drop-unknown": False, "--half": True,
    }  # fmt: skip
    assert TrainSettings().identity() == plain
    fused = {"--unlabelled": "x", "--fuse": "ngram", "--fuse-weight": 0.3, "--fuse-bonus": 0.6}
    assert TrainSettings(unlabelled="x", validation_every=3, buckets=2).identity() == plain | fused
    training = {
        "steps": 1000, "batch_size": 16, "learning_rate": 1e-3, "weight_decay": 5e-5, "epsilon": 1e-8, "warmup": 0,
        "schedule": "milestones", "clip_norm": None, "seed": 0, "train_mode": True, "augment": False,
        "mixed_precision": "no",
    }  # fmt: skip
    assert identity_of(TrainingConfig(checkpoint_every=3, trackers=("wandb",), workers=4)) == training
    assert identity_of(TrainingConfig(fused=True, compile=True)) == training | {"fused": True, "compile": True}
    assert identity_of(AdaptSettings(steps=3, penalty="relax")) == {"recogniser": "synthetic", "lm": "smollm2"}
    compared = {"recogniser": "synthetic", "language_model": "smollm2", "hand": "shadows-into-light", "texts": "stdlib"}
    assert identity_of(ComparisonConfig(steps=3, seed=2)) == compared
    assert identity_of(ComparisonConfig(data="mine")) == compared | {"data": "mine"}


def test_names_are_those_of_the_packages_themselves() -> None:
    from gradcheck_lm.htr.crnn import CONFIGS
    from gradcheck_lm.htr.synthetic.synthetic import HELD_OUT_HANDS
    from gradcheck_lm.lab.comparing.jobs import CLUSTERS
    from gradcheck_lm.penalties import PENALTIES
    from gradcheck_lm.penalties import objective as objectives
    from gradcheck_lm.penalties.listed import proposals

    assert tuple(PENALTIES) == PENALTY_NAMES
    assert set(objectives.OBJECTIVES) == set(OBJECTIVES)
    assert set(proposals.PROPOSALS) == set(PROPOSALS)
    offered = {field.name: field.metadata["gradcheck_lm.option"] for field in dataclasses.fields(ComparisonConfig)}
    assert offered["hand"].suggestions == HELD_OUT_HANDS
    assert set(offered["recogniser"].suggestions) == {"synthetic", *CONFIGS}
    assert f"one of processes, {', '.join(CLUSTERS)}" in described()


# ---------------------------------------------------------------------- on the command line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--out", "o", "--penalty", "foo", "--lm", "char"), "foo"),
        (("train", "--out", "o", "--mixed-precision", "int8"), "int8"),
        (("train", "--out", "o", "--tracker", "nothing"), "nothing"),
        (("train", "--out", "o", "--penalty", "argmax", "--lm", "./nowhere"), "nowhere"),
        (("train", "--out", "o", "--texts", "nowhere"), "nowhere"),
        (("adapt", "lines", "--out", "o", "--proposals", "guess"), "guess"),
        (("quality", "--penalties", "argmax,foo"), "foo"),
        (("quality", "--objective", "foo"), "foo"),
        (("compare", "--out", "o", "--arms", "foo"), "foo"),
        (("compare", "--out", "o", "--launcher", "cloud"), "cloud"),
        (("compare", "--out", "o", "--lm", "char", "--data", "./nowhere"), "nowhere"),
        (("compare", "--out", "o", "--lm", "char", "--validation", "x"), "give --data as well"),
    ],
)
def test_a_name_is_checked_before_lines_are_made(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradcheck_lm.htr.synthetic import synthetic

    def rendered(*_: object) -> None:
        raise AssertionError("a line was rendered first")

    monkeypatch.setattr(synthetic, "render_line", rendered)
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*words)
    assert code == 2
    assert said in err


HELP = ("run", "explain", "compare", "train", "evaluate", "transcribe", "adapt", "lm-table", "quality", "mistakes",
        "train-lm", "train-ngram", "doctor", "lessons")  # fmt: skip


@pytest.mark.parametrize("name", HELP)
def test_help_reads_at_80_columns(name: str) -> None:
    _, out, _ = call(name, "--help")
    lines = out.splitlines()
    assert max(map(len, lines)) < 80
    assert "<bool>" not in out
    assert "--help" in lines[-1] or "For example:" in lines
    told = [line for line in lines if re.match(r" {28}\S", line)]
    assert len(told) < 10 or max(map(len, told)) > 70  # the sentences have the width


def test_help_has_headings_and_shows_choices_and_defaults() -> None:
    out = call("train", "--help")[1]
    assert len(out.splitlines()) < 120  # 189 before
    headings = [line for line in out.splitlines() if line and not line.startswith(" ")]
    for heading in ("Options", "Lines", "Learning", "Language-model penalty", "Speed", "What is written"):
        assert heading in headings
    assert "--mixed-precision [no|bf16|fp16]" in out
    assert "[default: one_cycle]" in out
    assert "--augment / --no-augment" in out
    assert "[required]" in out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("train --mixed-precision ", {"no", "bf16", "fp16"}),
        ("train --penalty policy", {"policy_gradient", "policy_gradient_path"}),
        ("adapt x --lm s", {"smollm2"}),
        ("compare --hand z", {"zeyada"}),
        ("run --until t", {"two-steps"}),
    ],
)
def test_the_shell_completes_values(words: str, offered: set[str]) -> None:
    line = f"gradcheck-lm {words}"
    _, out, _ = call(_GRADCHECK_LM_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(line.split(" ")) - 1))
    assert set(out.split()) == offered


def test_no_color_leaves_no_escape_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm.draw.terminal.consoles import console

    def printed() -> str:
        target = console()
        target.file = io.StringIO()
        target.print("plain", style="bold red")
        return target.file.getvalue()

    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert printed() == "plain\n"


def test_a_long_job_tells_each_tenth_and_a_short_one_nothing() -> None:
    from gradcheck_lm.lab.lines.tenths import Tenths

    told: list[str] = []
    seconds = 0.0
    advance = Tenths(told.append, "preparing lines", 60, clock=lambda: seconds)
    for _ in range(60):
        seconds += 0.1
        advance()
    assert told[0] == "preparing lines: 20 of 60"  # after two seconds
    assert told[1] == "preparing lines: 24 of 60"
    assert told[-1] == "preparing lines: 60 of 60"
    assert len(told) == 8
    quick: list[str] = []
    advance = Tenths(quick.append, "preparing lines", 60, clock=lambda: 0.0)
    for _ in range(60):
        advance()
    assert not quick


def test_the_page_of_options_is_up_to_date() -> None:
    pytest.importorskip("gradcheck_lm.bench", reason="pages are generated in a checkout")
    from gradcheck_lm.bench.pages.options_page import options_page

    page = Path(__file__).parents[2] / "docs" / "options.md"
    assert page.read_text(encoding="utf-8") == options_page(), "run `make docs`"
