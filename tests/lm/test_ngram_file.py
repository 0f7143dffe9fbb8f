"""The character n-gram as a file and as a command."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from ngram_texts import ALPHABET, TEXTS, model_of, walk

from gradcheck_lm.errors import LanguageModelError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm import NgramModel, cache, load_language_model
from gradcheck_lm.lm.ngrams import ngram_file
from gradcheck_lm.lm.ngrams.ngram import STANDARD_CHARACTERS, NgramConfig, train_ngram
from gradcheck_lm.lm.ngrams.ngram_file import NGRAM_FILE, load_ngram, save_ngram


def test_a_saved_model_is_the_same(tmp_path: Path):
    model = model_of(order=4, lines=True)
    file = save_ngram(model, tmp_path / "made")
    assert [path.name for path in file.parent.iterdir()] == [NGRAM_FILE]
    for place in (file, file.parent, str(file)):
        again = load_language_model(place, device="cpu", dtype="float64")
        assert isinstance(again, NgramModel)
        assert again.config == model.config
        assert torch.equal(again.nll(TEXTS), model.nll(TEXTS))
    assert load_ngram(file).nll(["a"]).dtype == torch.float32
    assert "order 4" in repr(again)


def _changed(change):
    from safetensors.torch import save

    model = model_of(order=2)
    parts = ("codes", "log_probs", "contexts", "backoffs")
    tensors = {f"{part}.{k}": t for part in parts for k, t in enumerate(getattr(model.tables, part))}
    note = {"format": 1, "order": 2, "characters": ALPHABET, "smallest_count": 1, "lines": False}
    metadata = change(tensors, note)
    if metadata is None:
        metadata = {"gradcheck_lm.ngram": json.dumps(note)}
    return save(tensors, metadata=metadata)


def _swapped(codes):
    order = torch.arange(len(codes))
    order[1], order[2] = 2, 1
    return codes[order]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, n: t.pop("codes.1") is None or None, r"codes.1 is missing.*train-ngram"),
        (lambda t, n: t.update({"codes.1": _swapped(t["codes.1"])}), "codes.1 is not sorted"),
        (lambda t, n: t.update({"codes.1": t["codes.1"] * 1000}), "codes.1 goes beyond the alphabet"),
        (lambda t, n: t.update({"log_probs.1": t["log_probs.1"].float()}), "log_probs.1 has another form"),
        (lambda t, n: t.update({"log_probs.1": t["log_probs.1"] * math.nan}), "log_probs.1 holds no log-prob"),
        (lambda t, n: t.update({"log_probs.1": -t["log_probs.1"]}), "log_probs.1 holds no log-prob"),
        (lambda t, n: t.update({"backoffs.1": t["backoffs.1"][:-1].clone()}), "backoffs.1 has another form"),
        (lambda t, n: {"other": "file"}, "no n-gram model: its metadata lacks"),
        (lambda t, n: {"gradcheck_lm.ngram": "{"}, "metadata of .* is damaged"),
        (lambda t, n: n.update(order="two"), "metadata of .* is damaged"),
        (lambda t, n: n.update(order=40), "metadata of .* is damaged.*order is 40"),
        (lambda t, n: n.update(format=2), "another version"),
        (lambda t, n: n.update(characters="ab"), "does not fit its own metadata"),
    ],
)
def test_a_file_that_is_no_whole_model_is_refused(tmp_path: Path, change, message):
    (tmp_path / NGRAM_FILE).write_bytes(_changed(change))
    with pytest.raises(LanguageModelError, match=message):
        load_language_model(tmp_path, device="cpu")


def test_damage_and_absence(tmp_path: Path):
    (tmp_path / NGRAM_FILE).write_bytes(_changed(lambda t, n: None)[:-9])
    with pytest.raises(LanguageModelError, match="damaged or no safetensors file"):
        load_language_model(tmp_path / NGRAM_FILE, device="cpu")
    with pytest.raises(LanguageModelError, match=r"no n-gram model .*nowhere.*train-ngram"):
        load_ngram(tmp_path / "nowhere")


def test_the_built_in_model_is_made_once_and_kept(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GRADCHECK_LM_CACHE", str(tmp_path))
    from gradcheck_lm.texts.sides import is_test

    read = []
    paragraphs = [f"paragraph {n}" for n in range(40)]
    kept, held = ([text for text in paragraphs if is_test(text) is side] for side in (False, True))
    monkeypatch.setattr(ngram_file, "read_paragraphs", lambda _: read.append(1) or [*kept, *held])
    first = load_language_model("ngram", device="cpu", dtype="float64")
    assert first.name == "ngram"
    assert first.config.characters == STANDARD_CHARACTERS
    wanted = train_ngram(kept, NgramConfig())
    assert torch.equal(first.nll(["paragraph"]).float(), wanted.nll(["paragraph"]))
    second = load_language_model("ngram", device="cpu", dtype="float64")
    assert read == [1]
    assert torch.equal(first.nll(TEXTS), second.nll(TEXTS))
    (folder,) = tmp_path.iterdir()
    (folder / NGRAM_FILE).write_bytes(b"damaged")  # then it is made again
    assert torch.equal(first.nll(TEXTS), load_language_model("ngram", device="cpu", dtype="float64").nll(TEXTS))
    assert read == [1, 1]
    assert cache.find(folder.name) is not None
    monkeypatch.setenv("GRADCHECK_LM_CACHE", "off")
    load_language_model("ngram", device="cpu")
    assert read == [1, 1, 1]


def _call(*arguments):
    from typer.testing import CliRunner

    from gradcheck_lm.cli import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_command_trains_and_reports_by_order(tmp_path: Path):
    text = tmp_path / "letters.txt"
    text.write_text("\n\n".join(f"Dear “{name}”, the hat is on the mat {n}." for n in range(30) for name in "ABC"))
    code, out, _ = _call("train-ngram", "--text", text, "--order", 3, "--out", tmp_path / "m", "--json")
    assert code == 0
    report = json.loads(out)
    figures = [report["held_out_nats_per_character"][str(order)] for order in (1, 2, 3)]
    assert figures == sorted(figures, reverse=True)
    model = load_language_model(tmp_path / "m", device="cpu")
    assert model.order == 3
    assert model.config.characters == Charset.STANDARD
    # typographic quotes are spelled as the recogniser spells them
    assert model.nll(['Dear "A"']) < model.nll(["Dear #A#"])
    code, out, _ = _call("train-ngram", "--text", text, "--out", tmp_path / "n", "--characters", "all", "--order", 4)
    assert code == 0
    assert "order 4:" in out
    assert f"--lm {tmp_path / 'n'}" in out
    assert "“" in load_language_model(tmp_path / "n", device="cpu").config.characters


def test_the_command_learns_lines_from_labels(tmp_path: Path):
    labels = tmp_path / "labels.tsv"
    labels.write_text("".join(f"{i}.png\tthe line {i}.\n" for i in range(50)))
    code, _, _ = _call("train-ngram", "--text", labels, "--whole-lines", "--out", tmp_path / "m", "--order", 4)
    assert code == 0
    model = load_language_model(tmp_path / "m", device="cpu", dtype="float64")
    automaton = model.automaton(Charset.standard())
    assert model.config.lines
    states = [walk(automaton, text)[1] for text in ("the line 7.", "the l")]
    assert automaton.end_cost[states[0]] < 0.2 < 2 < automaton.end_cost[states[1]]
    code, _, err = _call("train-ngram", "--text", "stdlib", "--whole-lines", "--out", tmp_path / "m")
    assert code == 2
    assert "'stdlib' is no file" in err
    code, _, err = _call("train-ngram", "--order", 0, "--out", tmp_path / "m")
    assert code == 2
    assert "--order is 0; it must be at least 1" in err


def test_the_command_mixes_what_it_is_given_for_the_hand(tmp_path: Path):
    labels, far = tmp_path / "labels.tsv", tmp_path / "far.txt"
    labels.write_text("".join(f"{i}.png\tMy dear Sir, seed number {i} has come.\n" for i in range(40)))
    far.write_text("\n\n".join("0123456789"[n:] * 5 for n in range(10)))
    mix = ("train-ngram", "--text", far, "--order", 4, "--interpolate", labels, "--out", tmp_path / "m")
    code, out, _ = _call(*mix, "--json")
    assert code == 0
    report = json.loads(out)
    assert list(report["weights"]) == [str(far), str(labels)]
    assert report["weights"][str(labels)] > 0.8
    assert sum(report["weights"].values()) == pytest.approx(1)
    assert 0.1 < report["left_out_nats_per_character"] < 1
    model = load_language_model(tmp_path / "m", device="cpu")
    dear, other = ["My dear Sir, seed number"], ["xq zzv kwy jjq pbd vvx"]
    assert float(model.nll(dear)) < 0.5 * float(model.nll(other))
    code, out, _ = _call(*mix)
    assert code == 0
    assert f"weight {report['weights'][str(labels)]:.3f}: {labels}" in out
    assert f"nats per character of a fifth of {labels} left out" in out
    code, _, err = _call("train-ngram", "--interpolate", tmp_path, "--out", tmp_path / "m")
    assert code == 2
    assert "--interpolate reads files of lines" in err
