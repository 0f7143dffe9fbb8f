"""Outputs that are a device, a pipe, a link or have a mode of their own; names and texts that no encoding has."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from platforms import posix

import gradcheck_lm
from gradcheck_lm.draw.lettering import cell, harmless, json_harmless
from gradcheck_lm.draw.page.page import save_page
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic
from gradcheck_lm.lab.measuring.reading_pairs import readings_page


def said(source: str, *, out: Path | None = None) -> tuple[int, bytes]:
    """Exit code and standard output of a program that has `write` = write_text_atomic."""
    program = "from gradcheck_lm.files import write_text_atomic as write\n" + source
    # the package's own place first: it may not be the installed one
    environment = {**os.environ, "PYTHONPATH": str(Path(gradcheck_lm.__file__).parents[1])}
    command = [sys.executable, "-c", program]
    if out is None:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.returncode, done.stdout
    with out.open("wb") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.returncode, out.read_bytes()


@posix
def test_a_link_is_written_through(tmp_path: Path) -> None:
    target = tmp_path / "real" / "x.json"
    target.parent.mkdir()
    target.write_text("old")
    (tmp_path / "second.json").symlink_to("real/x.json")
    (tmp_path / "first.json").symlink_to("second.json")
    write_text_atomic(tmp_path / "first.json", "new")
    assert target.read_text() == "new"
    assert (tmp_path / "first.json").is_symlink()
    assert (tmp_path / "second.json").is_symlink()
    (tmp_path / "dangling").symlink_to("later/y.json")
    write_text_atomic(tmp_path / "dangling", "made")
    assert (tmp_path / "later" / "y.json").read_text() == "made"
    assert not list(tmp_path.rglob("*.part"))


@posix
def test_a_circle_of_links_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links") as caught:
        write_text_atomic(tmp_path / "a", "x")
    assert caught.value.filename == str(tmp_path / "a")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_a_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "x.json"
    file.write_text("old")
    file.chmod(mode)
    write_text_atomic(file, "new")
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == mode


@posix
def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text_atomic(tmp_path / "x", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


@posix
def test_a_pipe_takes_the_bytes_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = os.urandom(300_000)  # more than a pipe holds at once
    got: list[bytes] = []

    def read() -> None:
        with pipe.open("rb") as stream:
            got.append(stream.read())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    write_bytes_atomic(pipe, data)
    reader.join(30)
    assert got == [data]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def device_of_ours(path: Path, number: int) -> Path:
    """A second name for a memory device of Linux: the machine's own would not outlive the fault that is looked for."""
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, number))
        path.open("wb").close()
    except OSError:
        pytest.skip("to make a device takes Linux, root, and a file system that has them")
    return path


@posix
def test_a_device_stays_a_device(tmp_path: Path) -> None:
    device = device_of_ours(tmp_path / "null", 3)
    write_text_atomic(device, "x" * 100_000)
    assert stat.S_ISCHR(device.stat().st_mode)
    (tmp_path / "link").symlink_to(device)
    write_text_atomic(tmp_path / "link", "x")
    assert stat.S_ISCHR(device.stat().st_mode)
    assert (tmp_path / "link").is_symlink()


@posix
def test_a_device_that_refuses_is_an_error_that_names_it(tmp_path: Path) -> None:
    device = device_of_ours(tmp_path / "full", 7)
    with pytest.raises(OSError, match="No space") as caught:
        write_text_atomic(device, "x")
    assert caught.value.filename == str(device)


@posix
@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no /dev/stdout here")
@pytest.mark.parametrize("name", ["/dev/fd/1", "link"])
def test_standard_output_goes_on_where_it_was(tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/dev/stdout")
    place = tmp_path / "link" if name == "link" else Path(name)
    program = f"print('before')\nwrite({str(place)!r}, 'written\\n')\nprint('after')"
    assert said(program) == (0, b"before\nwritten\nafter\n")
    # opened anew, it would start over
    assert said(program, out=tmp_path / "out.txt") == (
        0,
        b"before\nwritten\nafter\n",
    )
    assert Path("/dev/stdout").is_symlink()


@posix
def test_a_name_as_long_as_the_system_takes(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 250 + ".json")
    write_text_atomic(file, "whole")
    assert file.read_text() == "whole"


# ------------------------------------------------------------------ texts that no encoding has

LATIN = os.fsdecode(b"caf\xe9.py") if os.name != "nt" else "caf\udce9.py"


def a_diagnosis() -> gradcheck_lm.Diagnosis:
    weight = torch.ones(3, requires_grad=True)
    found = gradcheck_lm.diagnose(lambda: weight.argmax().float() + 0 * weight.sum().detach(), wrt=[weight])
    first = replace(found.findings[0], file=f"/tmp/{LATIN}", source=f"open({LATIN!r} + '\ud800')")
    return replace(found, findings=(first, *found.findings[1:]))


@pytest.mark.parametrize("ending", [".json", ".sarif", ".txt", ".html", ".svg", ".dot"])
def test_a_diagnosis_of_a_script_with_such_a_name_is_written(tmp_path: Path, ending: str) -> None:
    diagnosis = a_diagnosis()
    if ending == ".svg":
        pytest.importorskip("jinja2")
    path = diagnosis.save(tmp_path / f"x{ending}")
    text = path.read_bytes().decode("utf-8")
    if ending == ".json":
        assert json.loads(text)["findings"][0]["file"] == f"/tmp/{LATIN}"  # JSON has an escape for it
    elif ending in (".html", ".txt"):
        assert "caf" in text


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        (LATIN, "caf%E9.py"),  # beside the current folder, as a script is named on the command line
        (f"/tmp/{LATIN}", "file:///tmp/caf%E9.py"),
        ("half\ud800.py", "half%ED%A0%80.py"),
        ("nul\0.py", "nul%00.py"),
        ("/a b/é.py", "file:///a%20b/%C3%A9.py"),
    ],
)
def test_a_place_in_sarif_is_an_address(file: str, uri: str) -> None:
    diagnosis = a_diagnosis()
    found = replace(diagnosis, findings=(replace(diagnosis.findings[0], file=file),))
    (result,) = json.loads(found.to_sarif())["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_texts_of_a_diagnosis_can_be_encoded(tmp_path: Path) -> None:
    diagnosis = a_diagnosis()
    for text in (diagnosis.to_json(), diagnosis.to_sarif(), str(diagnosis), diagnosis._repr_html_()):
        assert text.encode("utf-8")
    assert save_page(tmp_path / "report.html", diagnosis).read_bytes().decode("utf-8")
    assert readings_page([{"image": LATIN, "before": "a\ud800", "after": "b"}]).encode("utf-8")


def test_what_steers_a_terminal_is_written_as_its_code() -> None:
    hostile = "a\x1b]0;owned\x07b\x9b31mc\x7f\u202ed\ud800e\r"
    assert harmless(hostile) == "a\\x1b]0;owned\\x07b\\x9b31mc\\x7f\\u202ed\\ud800e\\x0d"
    assert cell("a\tb\nc") == "a\\tb\\nc"
    assert harmless("a\tb\n") == "a\tb\n"
    letters = "Grüße, 日本語, עברית, \ue5dc \U0001f600 e\u0301"  # a private character may be a medieval letter
    assert cell(letters) == letters
    assert json.loads(json_harmless(json.dumps([hostile, letters], ensure_ascii=False))) == [hostile, letters]
    assert "\x9b" not in json_harmless(json.dumps([hostile], ensure_ascii=False))
