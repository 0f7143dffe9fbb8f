"""Every lesson.py runs in both languages, on plain consoles with old encodings and on a rich one."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from child_processes import HANG, run_process, start_process
from course_folder import NAMES, copy_course, environment

from gradcheck_lm.course.beats import NAMES as BEATS
from gradcheck_lm.course.screen.ranks import FAILED
from gradcheck_lm.draw.lettering import shown

KANA = re.compile("[ぁ-んァ-ン]")
CONSOLES = {  # encoding of the console, and what makes it a rich one
    "ascii": {},
    "cp932": {},
    "utf-8": {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "100"},
}
# importing torch takes longer than a lesson, so one process tells them all; each in a process of its own, as a learner
# runs it, is marked slow
TOGETHER = [("ja", "cp932"), ("en", "utf-8"), ("en", "ascii"), ("ja", "utf-8")]
# a lesson that trains or measures is told in fewer ways here, and in the others where it is marked slow: what writes
# them is the same for every lesson, and the record that is checked has both languages
WAYS = {
    "l06_soft_embeddings": 1, "l07_second_cut": 2, "l08_straight_through": 1, "l09_gumbel_softmax": 1,
    "l10_policy_gradient": 1, "l11_which_fix": 1, "l12_your_own_code": 1, "l22_custom_functions": 2,
    "l23_rsample_and_score": 1, "l25_vector_quantisation": 1, "l26_ranks_apart": 1,
}  # fmt: skip
TOLD = [pytest.param(name, TOGETHER[: WAYS.get(name, 4)], id=name) for name in NAMES] + [
    pytest.param(name, TOGETHER[ways:], id=f"{name}-the other ways", marks=pytest.mark.slow)
    for name, ways in WAYS.items()
]
WITHOUT_OPTIMIZER = "l02_see_the_cut"  # the first one of a process loads as much again as torch
EVERY = [(language, encoding) for language in ("ja", "en") for encoding in CONSOLES]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_course(tmp_path_factory.mktemp("course"))


def files(course: Path) -> set[Path]:
    return {path for path in course.rglob("*") if "__pycache__" not in path.parts}


def run(command: list[str], place: Path, **settings: str) -> bytes:
    done = run_process(
        [sys.executable, "-W", "error", *command], stdin=subprocess.DEVNULL, capture_output=True,
        env=environment(PYTHONDONTWRITEBYTECODE="1", **settings), cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout


def check_output(text: str, name: str, language: str, encoding: str) -> None:
    spoken = "en" if encoding == "ascii" else language
    assert bool(KANA.search(text)) == (spoken == "ja")
    assert "{" not in re.sub(r"^ +\|.*$|`[^`]*`", "", text, flags=re.MULTILINE), "a placeholder was left unfilled"
    heads = ["■ 症状", "■ 次"] if spoken == "ja" else ["# Symptom", "# Next"]
    assert all(head in text for head in heads)
    assert f"lessons check {name}" in text
    assert "\\u" not in text, "a character that this console lacks"
    for words in (FAILED.ja, FAILED.en):
        assert words.partition(":")[0] not in text, "two processes could not train together"


# reads a line for each lesson, tells it in all the ways asked for, each as a fresh script, and answers what went wrong
TELLER = """
import json, os, runpy, sys, traceback
import torch._dynamo  # with which the first optimizer of a process would begin
asked, answers, plain = sys.stdin, sys.stdout, dict(os.environ)
for line in asked:
    script, out, jobs = json.loads(line)
    wrong = ""
    try:
        for number, (language, encoding, settings) in enumerate(jobs):
            os.environ.clear()
            os.environ.update(plain, **settings)
            with open(f"{out}/{number}.txt", "w", encoding=encoding, newline="\\n") as sys.stdout:
                sys.argv = [script, "--lang", language, "--out", f"{out}/{number}", "--record", f"{out}/{number}.json"]
                runpy.run_path(script, run_name="__main__")
    except BaseException:
        wrong = traceback.format_exc()
    sys.stdout = answers
    print(json.dumps(wrong), flush=True)
"""


@pytest.fixture(scope="module")
def teller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen]:
    with start_process(
        [sys.executable, "-W", "error", "-c", TELLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment(PYTHONDONTWRITEBYTECODE="1"), cwd=tmp_path_factory.mktemp("teller"), seconds=4 * HANG,
        encoding="utf-8",
    ) as process:  # fmt: skip
        yield process


@pytest.mark.parametrize(("name", "ways"), TOLD)
def test_a_lesson_in_both_languages_on_plain_and_rich_consoles(
    course: Path, teller: subprocess.Popen, name: str, ways: list[tuple[str, str]], tmp_path: Path
) -> None:
    jobs = [(language, encoding, CONSOLES[encoding]) for language, encoding in ways]
    before = files(course)
    script = str(course / name / "lesson.py")
    teller.stdin.write(json.dumps([script, str(tmp_path), jobs]) + "\n")
    teller.stdin.flush()
    wrong = json.loads(teller.stdout.readline() or '"the process has ended"')
    assert not wrong, wrong
    assert {path.name for path in files(course) - before} <= {".gradcheck_lm", "progress.json"}
    for number, (language, encoding) in enumerate(ways):
        text = (tmp_path / f"{number}.txt").read_bytes().decode(encoding)
        assert ("\x1b[" in text) == bool(CONSOLES[encoding]), "colours where the console is rich, and only there"
        check_output(re.sub(r"\x1b\[[0-9;]*m", "", text), name, language, encoding)
        record = json.loads((tmp_path / f"{number}.json").read_text(encoding="utf-8"))
        check_record(record)
        check_pictures(tmp_path / str(number), re.sub(r"\x1b\[[0-9;]*m", "", text), record)


def check_record(record: list[dict]) -> None:
    assert tuple(event["name"] for event in record if event["kind"] == "beat") == BEATS
    assert {"ask", "picture"} <= {event["kind"] for event in record}
    assert english_in_japanese(record) == []
    for event in record:
        if event["kind"] in ("say", "ask"):
            assert KANA.search(event["ja"])
            assert not KANA.search(event["en"])
            for text, encoding in ((event["ja"], "cp932"), (event["en"], "ascii")):
                assert "\\u" not in shown(text, encoding), "a character that this console lacks"


# torch's own sentences, which a learner meets in English whatever language is spoken
OF_TORCH = re.compile(
    "backward through the graph a second time|one of the variables needed for|gradient computation has been|"
    "which is output 0|None of the inputs have requires_grad|expected version|enable anomaly"
)
SENTENCE = re.compile(r"(?<![\w.`'])[a-z]{2,}( (?!(?:for|in|if|else|is|not|or|and|return) )[a-z]{2,}){3,}")


def english_in_japanese(record: list[dict]) -> list[str]:
    """Lines shown to a Japanese learner that are an English sentence, of ours and not of torch or of data."""
    shown_lines = [
        line for event in record for line in event.get("text_ja", "").splitlines() if event["kind"] != "code"
    ]
    found = [line for line in shown_lines if SENTENCE.search(line) and not OF_TORCH.search(line)]
    return [line for line in found if not KANA.search(line)]


# what a picture says of its own accord, in English; the rest of it are names of the program
OF_A_PICTURE = re.compile(
    "asked about|gradient norm|no gradient|gradient 0|solid:|octagon:|folded into|nowhere to go|nothing leads|reaches "
    r"nothing|\d tensors|\d operations|more kind|of them|shape \(|logarithmic|<title>.* over .*</title>"
)


def check_pictures(folder: Path, text: str, record: list[dict] | None = None) -> None:
    drawn = [event["files"] for event in record or [] if event["kind"] == "picture"]
    others = {name for files in drawn for name in list(files.values())[1:]}  # besides the learner's language, for pages
    pictures = sorted(folder.iterdir())
    assert pictures, "every lesson draws at least one picture"
    for picture in pictures:
        assert (picture.name in text) == (picture.name not in others)
        assert picture.suffix == ".dot" or "<svg" in picture.read_text(encoding="utf-8")
    for files in drawn:
        assert set(files) == {"en", "ja"}
        english, japanese = ((folder / files[language]).read_text(encoding="utf-8") for language in ("en", "ja"))
        assert not KANA.search(english)
        assert not OF_A_PICTURE.search(japanese), OF_A_PICTURE.search(japanese)
        assert KANA.search(japanese) or not OF_A_PICTURE.search(english), "a picture with words has Japanese ones"


@pytest.mark.slow
@pytest.mark.parametrize(("language", "encoding"), EVERY)
@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_as_a_script(course: Path, name: str, language: str, encoding: str, tmp_path: Path) -> None:
    command = [str(course / name / "lesson.py"), "--lang", language, "--out", str(tmp_path / "out")]
    text = run(command, tmp_path, PYTHONIOENCODING=encoding).decode(encoding)
    assert "\x1b" not in text
    check_output(text, name, language, encoding)
    check_pictures(tmp_path / "out", text)


def test_an_english_sentence_in_what_a_japanese_learner_is_shown_is_seen() -> None:
    texts = [
        "dead: term has no gradient at all",
        "one of the variables needed for gradient computation",
        "勾配は no gradient at all です",
    ]
    record = [{"kind": "show", "text_ja": text} for text in texts]
    assert english_in_japanese(record) == texts[:1]
    assert english_in_japanese([{"kind": "code", "text_ja": texts[0]}, {"kind": "say", "en": texts[0]}]) == []


@pytest.mark.slow
@pytest.mark.needs("transformers", "accelerate")
def test_what_a_lesson_has_recorded_of_the_trainer_is_what_its_callback_finds(course: Path, tmp_path: Path) -> None:
    """Warnings are errors: a sentence that the run does not bear out is one."""
    command = [str(course / "l12_your_own_code" / "lesson.py"), "--lang", "en", "--trainer", "yes"]
    assert b"GF201 left_torch   train.py" in run([*command, "--out", str(tmp_path / "out")], tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_at_a_terminal_a_lesson_waits_for_the_guess(course: Path, tmp_path: Path) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        str(course / WITHOUT_OPTIMIZER / "lesson.py"),
        "--lang",
        "ja",
        "--out",
        str(tmp_path / "out"),
    ]
    settings = environment(TERM="xterm-256color", PYTHONIOENCODING="utf-8")
    try:
        with start_process(command, stdin=theirs, stdout=theirs, stderr=theirs, env=settings) as process:
            os.close(theirs)
            seen = _read_until(ours, "あなたの予想")
            assert "■ 見る" not in seen
            os.write(ours, b"x\na\nb\na\n")  # the first is no choice: it is asked again
            seen += _read_until(ours, None)
            assert process.wait() == 0
    finally:
        os.close(ours)
    assert "■ 見る" in seen


def _read_until(terminal: int, mark: str | None) -> str:
    data = b""
    deadline = time.monotonic() + HANG
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        data += piece
        if mark is not None and mark in data.decode("utf-8", "replace"):
            break
    return data.decode("utf-8", "replace")
