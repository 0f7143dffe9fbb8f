"""Logits of other recognisers: the forms they come in, their charsets, and what is refused."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from gradcheck_lm import bounds
from gradcheck_lm.cli import app
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr import Charset, greedy_decode, read_logits
from gradcheck_lm.htr.readers.logits import is_logits, read_charset

ABC = Charset("abc ")


def path_logits(path: str, *, last: bool = False) -> np.ndarray:
    """(T, 5) that reads as `path`: one character a frame, - for the blank."""
    alphabet = "abc -" if last else "-abc "
    return np.eye(5, dtype=np.float32)[[alphabet.index(character) for character in path]] * 5 - 2


def csv(path: Path, values: np.ndarray, end: str = ";") -> Path:
    """As word-beam-search tools write it: T rows, `;` also behind the last number."""
    path.write_text("".join(";".join(f"{value:.6f}" for value in row) + end + "\n" for row in values))
    return path


def read(found) -> list[str]:
    return greedy_decode(found.logits, found.charset, lengths=found.lengths)


@pytest.mark.parametrize("end", [";", ""])
def test_a_csv_with_the_blank_last(tmp_path: Path, end: str) -> None:
    file = csv(tmp_path / "line.csv", path_logits("aa-ab-c", last=True), end)
    found = read_logits(file, charset=ABC, blank="last")
    assert found.logits.shape == (7, 1, 5)
    assert read(found) == ["aabc"]
    assert found.names == ["line"]
    assert read(read_logits(file, charset=ABC)) != ["aabc"]  # the blank would be a space


def test_commas_part_numbers_too(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "x.csv", path_logits("ab"), delimiter=",")
    assert read(read_logits(tmp_path / "x.csv", charset=ABC)) == ["ab"]


def folder_of(tmp_path: Path) -> Path:
    """Three lines of other lengths, blank last, with transcripts and charset beside them."""
    for name, path in (("line_10", "c"), ("line_2", "a-a b-"), ("line_1", "bb-b")):
        csv(tmp_path / f"{name}.csv", path_logits(path, last=True))
        (tmp_path / f"{name}.txt").write_text({"line_10": "c", "line_2": "aa b", "line_1": "ab"}[name] + "\n")
    (tmp_path / "charset.txt").write_text("abc \n")
    return tmp_path


def test_a_folder_of_lines_of_other_lengths(tmp_path: Path) -> None:
    found = read_logits(folder_of(tmp_path), blank="last")
    assert found.names == ["line_1.csv", "line_2.csv", "line_10.csv"]  # as people number things
    assert found.lengths.tolist() == [4, 6, 1]
    assert found.transcripts == ["ab", "aa b", "c"]
    assert read(found) == ["bb", "aa b", "c"]
    # behind a line's end there is blank alone, so that what knows no lengths gives the same
    assert greedy_decode(found.logits, found.charset) == ["bb", "aa b", "c"]
    assert (found.logits.softmax(-1)[1:, 2, 0] == 1).all()
    target = torch.tensor([3])
    log_probs = found.logits.log_softmax(-1)[:, 2:]
    padded = torch.nn.functional.ctc_loss(log_probs, target, (6,), (1,))
    assert torch.isclose(padded, torch.nn.functional.ctc_loss(log_probs[:1], target, (1,), (1,)))
    assert found.first(1).logits.shape == (4, 1, 5)
    assert found.first(1).transcripts == ["ab"]


def test_a_folder_with_labels_tsv_and_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", path_logits("ab"))
    np.save(tmp_path / "b.npy", path_logits("c"))
    (tmp_path / "labels.tsv").write_text("a.npy\tab\nb.npy\tc\n")
    assert read_logits(tmp_path, charset=ABC).transcripts == ["ab", "c"]
    (tmp_path / "labels.tsv").write_text("a.npy\tab\n")
    with pytest.raises(DataError, match=r"1 of 2 files of .* have no transcript \(the first is b\.npy\)"):
        read_logits(tmp_path, charset=ABC)


def test_arrays_with_everything(tmp_path: Path) -> None:
    logits = np.stack([path_logits("ab--", last=True), path_logits("cc c", last=True)], axis=1)
    np.savez(
        tmp_path / "x.npz", logits=logits, labels=["ab", "c"], characters=list("abc "), blank="last", lengths=[2, 2]
    )
    found = read_logits(tmp_path / "x.npz")
    assert read(found) == ["ab", "c"]
    assert found.transcripts == ["ab", "c"]
    np.save(tmp_path / "one.npy", path_logits("a-a"))
    assert read(read_logits(tmp_path / "one.npy", charset=ABC)) == ["aa"]


def test_log_probabilities_may_hold_log_0(tmp_path: Path) -> None:
    with np.errstate(divide="ignore"):
        np.save(tmp_path / "x.npy", np.log(np.eye(5, dtype=np.float32)[[1, 0, 1]]))
    found = read_logits(tmp_path / "x.npy", charset=ABC)
    assert read(found) == ["aa"]
    assert torch.isfinite(found.logits).all()


@pytest.mark.parametrize(
    ("written", "characters"),
    [("abc \n", "abc "), ("abc ", "abc "), ("a\nb\nc\n \n", "abc "), ("\ufeffab\r\n", "ab"), (" \na\n", " a")],
)
def test_charset_files(tmp_path: Path, written: str, characters: str) -> None:
    (tmp_path / "c.txt").write_text(written, encoding="utf-8", newline="")
    assert read_charset(tmp_path / "c.txt").characters == characters


def test_a_charset_saved_by_numpy(tmp_path: Path) -> None:
    np.save(tmp_path / "classes.npy", np.array(list("abc ")))
    assert read_charset(tmp_path / "classes.npy") == ABC
    np.save(tmp_path / "classes.npy", np.array(list("abc "), dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="without running code"):
        read_charset(tmp_path / "classes.npy")


@pytest.mark.parametrize(("written", "words"), [("", "holds no characters"), ("ab\ncd\n", "2 rows of several")])
def test_charset_files_that_cannot_be(tmp_path: Path, written: str, words: str) -> None:
    (tmp_path / "c.txt").write_text(written)
    with pytest.raises(DataError, match=words):
        read_charset(tmp_path / "c.txt")


class Trap:
    """Unpickling this makes a folder: a harmless stand-in for anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["npy", "npz", "bare", "in a folder", "charset"])
def test_no_pickle_is_ever_loaded(tmp_path: Path, form: str) -> None:
    sprung, source = tmp_path / "sprung", tmp_path / "data"
    source.mkdir()
    trap = np.array([Trap(sprung)], dtype=object)
    if form == "npz":
        np.savez(source / "x.npz", allow_pickle=True, logits=trap)
    elif form == "bare":
        (source / "x.npy").write_bytes(pickle.dumps(Trap(sprung)))
    else:
        np.save(source / "x.npy", trap, allow_pickle=True)
    file = next(source.iterdir())
    with pytest.raises(DataError, match="holds no arrays that can be read without running code"):
        read_charset(file) if form == "charset" else read_logits(source if form == "in a folder" else file, charset=ABC)
    assert not sprung.exists()
    if form == "bare":
        pickle.loads(file.read_bytes())
    else:
        np.load(file, allow_pickle=True)[()] if form != "npz" else np.load(file, allow_pickle=True)["logits"]
    assert sprung.exists()  # the trap works


def test_files_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", logits=np.zeros((1000, 100, 5), np.float32))
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000
    monkeypatch.setattr(bounds, "ARRAYS", replace(bounds.ARRAYS, most=1_000_000))
    with pytest.raises(DataError, match=r"bomb\.npz unpacks to 2 MB, at most 1 MB are read: cut it"):
        read_logits(tmp_path / "bomb.npz", charset=ABC)
    np.save(tmp_path / "large.npy", np.zeros((1000, 100, 5), np.float32))
    with pytest.raises(DataError, match=r"large\.npy has 2 MB, at most 1 MB"):
        read_logits(tmp_path / "large.npy", charset=ABC)


@pytest.mark.parametrize(
    ("arrays", "options", "error", "words"),
    [
        ({"logits": np.zeros((3, 2, 5), int)}, {}, ArgumentError, r"\(3, 2, 5\) int64; wanted are floats"),
        ({"logits": np.full((3, 2, 5), np.nan)}, {}, ArgumentError, "hold nan or infinite"),
        ({"logits": np.full((3, 2, 5), 0.2)}, {}, ArgumentError, "are probabilities .*give their logarithm"),
        ({"logits": np.zeros((3, 2, 7))}, {}, ArgumentError, "C = 7 classes and the charset makes 5"),
        ({"logits": np.zeros((3, 2, 5)), "lengths": [1]}, {}, ArgumentError, "wanted are 2 of 1 to T = 3"),
        ({"logits": np.zeros((3, 2, 5)), "lengths": [1, 4]}, {}, ArgumentError, "wanted are 2 of 1 to T = 3"),
        ({"logits": np.zeros((3, 2, 5)), "labels": ["a"]}, {}, ArgumentError, "1 labels for N = 2 lines"),
        ({"logits": np.zeros((3, 2, 5))}, {"blank": "middle"}, ArgumentError, "'middle'; it is 'first' or 'last'"),
        ({"logits": np.zeros((3, 2, 5))}, {"charset": None}, ArgumentError, "comes without a charset: give --charset"),
        ({"scores": np.zeros((3, 2, 5))}, {}, DataError, "holds scores; 'logits'"),
    ],
)
def test_what_does_not_fit(tmp_path: Path, arrays: dict, options: dict, error: type, words: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(error, match=words):
        read_logits(tmp_path / "x.npz", **{"charset": ABC, **options})


@pytest.mark.parametrize(
    ("written", "words"),
    [("1;2;\n1;\n", "line 2: 1 numbers, the first row has 2"), ("1;x;\n", "line 1: .*'x'"), ("\n", "is empty")],
)
def test_bad_csv_is_named(tmp_path: Path, written: str, words: str) -> None:
    (tmp_path / "x.csv").write_text(written)
    with pytest.raises(DataError, match=rf"x\.csv.*{words}"):
        read_logits(tmp_path / "x.csv", charset=ABC)


def test_what_holds_logits(tmp_path: Path) -> None:
    assert is_logits("a.npz")
    assert is_logits("a.csv")
    assert not is_logits("metadata.csv")
    assert not is_logits(tmp_path)
    csv(tmp_path / "x.csv", path_logits("a"))
    assert is_logits(tmp_path)
    (tmp_path / "x.png").write_bytes(b"")
    assert not is_logits(tmp_path)  # a table beside pictures


# ---- the commands ----


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_commands_read_logits(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    code, out, err = call("transcribe", folder, "--blank", "last")
    assert (code, out) == (0, "line_1.csv\tbb\nline_2.csv\taa b\nline_10.csv\tc\n"), err
    code, out, err = call("evaluate", folder, "--blank", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["cer"] == pytest.approx(1 / 7)
    code, out, err = call("mistakes", folder, "--blank", "last", "--json")
    assert code == 0, err
    assert json.loads(out)["confusions"] == [["a", "b", 1]]
    code, out, err = call("lm-table", folder, "--blank", "last", "--lm", "char", "--json")
    assert code == 0, err
    assert [(row["prediction"], row["label"]) for row in json.loads(out)["rows"]] == [
        ("bb", "ab"), ("aa b", "aa b"), ("c", "c"),
    ]  # fmt: skip


def test_two_readings_are_scored_as_adapt_scores_its_own(tmp_path: Path) -> None:
    (tmp_path / "charset.txt").write_text("abc ")
    for name, second in (("before", "cc"), ("after", "ab")):
        logits = np.stack([path_logits("ab"), path_logits(second)], axis=1)
        np.savez(tmp_path / f"{name}.npz", logits=logits, labels=["ab", "ab"])
    arguments = ("evaluate", tmp_path / "after.npz", "--before", tmp_path / "before.npz")
    charset = ("--charset", tmp_path / "charset.txt")
    code, out, err = call(*arguments, "--lm", "char", "--json", *charset)
    assert code == 0, err
    found = json.loads(out)
    assert found["changed"] == 1
    assert (found["cer_before"], found["cer_after"]) == (0.5, 0.0)
    assert found["lm_after"] != found["lm_before"]
    code, out, err = call(*arguments, "--lm", "char", *charset)
    assert "1 readings changed" in out
    code, _, err = call(*arguments, *charset)
    assert code == 2
    assert "--before needs a language model" in err
    code, _, err = call("adapt", tmp_path / "before.npz", "--out", tmp_path / "out", "--lm", "char")
    assert code == 2
    assert "can be scored but not adapted" in err


def test_choices_of_the_other_kind_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", logits=path_logits("ab")[:, None], labels=["ab"], characters="abc ")
    code, _, err = call("evaluate", tmp_path / "x.npz", "--split", "train")
    assert code == 2
    assert "--split belongs to lines" in err
    code, _, err = call("evaluate", tmp_path, "--blank", "last")
    assert code == 2
    assert "--blank belongs to logits" in err
    np.savez(tmp_path / "bare.npz", logits=path_logits("ab")[:, None], characters="abc ")
    code, _, err = call("evaluate", tmp_path / "bare.npz")
    assert code == 2
    assert "come without labels" in err
