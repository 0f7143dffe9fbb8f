"""Reading along with an n-gram, on the command line and in training on lines without labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.ctc import greedy_decode
from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.measuring.decoding import Decoding, make_decoding, read_both
from gradcheck_lm.lab.measuring.metrics import character_errors
from gradcheck_lm.lab.measuring.unlabelled import read_unlabelled

TEXTS = ["the other day we were", "a letter to his father", "of the people and the"]


def folder(path: Path, *, count: int = 6, labels: bool = True, seed: int = 3) -> Path:
    path.mkdir()
    rows = []
    for i, line in enumerate(SyntheticLines(TEXTS, ("shadows-into-light",), count, seed)):
        Image.fromarray(line.image).save(path / f"{i}.png")
        rows.append(f"{i}.png\t{line.text}\n")
    if labels:
        (path / "labels.tsv").write_text("".join(rows))
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout  # what is being done is told on standard error


def test_an_ngram_reads_along_and_reads_better(tmp_path: Path) -> None:
    lines = folder(tmp_path / "lines")
    alone = json.loads(run("evaluate", lines, "--json"))
    along = json.loads(run("evaluate", lines, "--fuse", "ngram", "--json"))
    assert alone["cer"] > 0, "nothing to mend"
    assert along["cer"] < alone["cer"]
    unweighted = run("evaluate", lines, "--fuse", "ngram", "--fuse-weight", "0", "--fuse-bonus", "0", "--json")
    assert json.loads(unweighted)["cer"] != along["cer"]
    plain = json.loads(run("transcribe", lines / "0.png", "--json"))
    fused = json.loads(run("transcribe", lines / "0.png", "--fuse", "ngram", "--json"))
    model, charset = load_recogniser("synthetic")
    data = LineData(SyntheticLines(TEXTS, ("shadows-into-light",), 1, 3), model.config, charset)
    both = read_both(model.eval(), data, charset, make_decoding("ngram", charset))
    assert [plain[0]["text"], fused[0]["text"]] == [both["greedy"][0], both["fused"][0]]


def test_a_prior_that_is_taken_off_lets_rare_characters_in() -> None:
    charset = Charset("ab")
    frames = torch.tensor([[0.6, 0.3, 0.1]] * 3 + [[0.05, 0.65, 0.3]])  # blank, a, b
    logits = frames.log()[:, None].expand(-1, 2, -1).clone()
    logits[2:, 1] = 50.0 * torch.tensor([0.0, 0.0, 1.0])  # beyond the second line's two frames
    plain = Decoding(make_decoding("ngram", charset).automaton, weight=0.0, length_bonus=0.0)
    assert plain.with_prior(logits) is plain
    assert plain.read(logits[:, :1], charset) == ["a"]
    fitted = replace(plain, prior_weight=0.5).with_prior(logits, [4, 2])
    assert fitted.log_prior is not None
    torch.testing.assert_close(fitted.log_prior.exp(), (frames.sum(0) + frames[:2].sum(0)) / 6)
    alone = fitted.read(logits[:, :1], charset)
    by_hand = (frames.log() - 0.5 * fitted.log_prior)[:, None]
    assert alone == plain.read(by_hand, charset)
    assert alone == ["ab"]
    assert fitted.read(logits, charset, lengths=[4, 2])[0] == alone[0]  # in any company


def test_the_prior_is_an_option_of_the_commands(tmp_path: Path) -> None:
    lines = folder(tmp_path / "lines")
    model, charset = load_recogniser("synthetic")
    data = LineData(SyntheticLines(TEXTS, ("shadows-into-light",), 6, 3), model.config, charset)
    decoding = replace(make_decoding("ngram", charset), prior_weight=0.5)
    model.train()
    fitted = decoding.fitted(model, data)
    assert model.training
    with torch.no_grad():
        logits = model.eval()(data.take(range(6)).images)
    wanted = fitted.read(logits, charset)
    assert wanted != decoding.read(logits, charset)
    rows = json.loads(run("transcribe", lines, "--fuse", "ngram", "--fuse-prior", "0.5", "--json"))
    assert [row["text"] for row in rows] == wanted


def test_a_language_model_that_is_no_table_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"'char' cannot be fused at decoding time: that takes a character n-gram"):
        make_decoding("char", Charset.standard())


def test_lengths_are_honoured() -> None:
    charset = Charset("ab ")
    logits = torch.full((4, 1, charset.size), -9.0)
    for frame, symbol in enumerate((1, 0, 2, 2)):
        logits[frame, 0, symbol] = 9.0
    decoding = make_decoding("ngram", charset)
    assert decoding.read(logits, charset) == greedy_decode(logits, charset) == ["ab"]
    assert decoding.read(logits, charset, lengths=[2]) == ["a"]


def test_labels_of_unlabelled_lines_are_not_looked_at(tmp_path: Path) -> None:
    with_labels, without = folder(tmp_path / "a"), folder(tmp_path / "b", labels=False)
    model, charset = load_recogniser("synthetic")
    decoding, told = make_decoding("ngram", charset), []
    found = [
        read_unlabelled(model.eval(), charset, str(source), decoding, progress=told.append)
        for source in (with_labels, without)
    ]
    assert found[0].readings == found[1].readings
    assert found[0].data.texts == [""] * 6
    labels = [line.text or "" for line in SyntheticLines(TEXTS, ("shadows-into-light",), 6, 3)]
    assert found[0].readings != labels
    assert character_errors(labels, found[0].readings).rate < 0.5


def test_training_learns_from_lines_without_labels_and_goes_on(tmp_path: Path) -> None:
    labelled, more = folder(tmp_path / "l", count=12), folder(tmp_path / "m", labels=False, seed=4)
    common = ["train", "--data", labelled, "--validation", labelled, "--recogniser", "synthetic", "--batch-size", 4]
    common += ["--checkpoint-every", 1, "--schedule", "constant", "--validation-every", 5]

    def weights(out: str, *more_options: object) -> dict[str, torch.Tensor]:
        from gradcheck_lm.htr.checkpoint import load_checkpoint

        run(*common, "--out", tmp_path / out, *more_options)
        return load_checkpoint(tmp_path / out / "recogniser.safetensors")[0].state_dict()

    alone = weights("alone", "--steps", 2)
    both = weights("both", "--steps", 2, "--unlabelled", more)
    again = weights("both", "--steps", 2, "--unlabelled", more)
    assert any(not torch.equal(alone[name], both[name]) for name in alone)
    assert all(torch.equal(both[name], again[name]) for name in both)
    result = CliRunner().invoke(app, [*map(str, common), "--out", str(tmp_path / "both"), "--steps", "2"])
    assert result.exit_code == 2
    assert "--unlabelled" in result.output, "a run with other lines must not go on from this one"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--recogniser", "small"], r"needs a recogniser that reads already, and 'small' is a fresh one"),
        (["--recogniser", "synthetic", "--penalty", "argmax"], r"--unlabelled and --penalty cannot be had together"),
        (["--recogniser", "synthetic", "--buckets", "2"], r"--unlabelled and --buckets cannot be had together"),
        (["--recogniser", "synthetic", "--fuse", "char"], r"'char' cannot be fused at decoding time"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, options: list[str], said: str) -> None:
    lines = folder(tmp_path / "l", count=12)
    command = ["train", "--data", str(lines), "--validation", str(lines), "--out", str(tmp_path / "o"), "--steps", "1"]
    result = CliRunner().invoke(app, [*command, "--unlabelled", str(lines), *options])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_adapting_reports_the_bar_and_takes_proposals_from_the_fused_beam(tmp_path: Path) -> None:
    lines, out = folder(tmp_path / "lines"), tmp_path / "out"
    options = ["--penalty", "minimum_risk", "--proposals", "fused_beam", "--samples", 4, "--fuse", "ngram"]
    said = run("adapt", lines, "--out", out, "--lm", "ngram", "--steps", 3, "--batch-size", 4, "--no-stop", *options)
    found = json.loads((out / "adapt.json").read_text())
    assert found["fused"]["cer_before"] < found["cer_before"]
    assert "read along with ngram: CER" in said
    assert all(row["fused_before"] and row["fused_after"] for row in found["readings"])
    # called again it goes on from its state, which holds the n-gram by name
    again = run("adapt", lines, "--out", out, "--lm", "ngram", "--steps", 3, "--batch-size", 4, "--no-stop", *options)
    assert again.splitlines()[-1] == said.splitlines()[-1]
    bare = CliRunner().invoke(app, ["adapt", str(lines), "--out", str(out), "--proposals", "fused_beam"])
    assert bare.exit_code == 2
    assert "--proposals fused_beam needs an n-gram to fuse with" in " ".join(bare.output.split())
    wrong = [
        "adapt",
        str(lines),
        "--out",
        str(tmp_path / "o"),
        "--lm",
        "ngram",
        "--penalty",
        "argmax",
        "--samples",
        "3",
    ]
    refused = CliRunner().invoke(app, wrong)
    assert refused.exit_code == 2
    assert "argmax has no option 'samples'" in " ".join(refused.output.split())
