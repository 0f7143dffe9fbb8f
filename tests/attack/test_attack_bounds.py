"""Files that would take all memory or all time: each bound, its sentence, and the cost just within it."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_samples import PAGE, page_picture, pages, save, stroke

from gradcheck_lm import bounds
from gradcheck_lm.bounds import Bound
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr import Charset, open_lines, read_logits
from gradcheck_lm.htr.lines import read_labels_tsv
from gradcheck_lm.htr.readers.arrays import load_arrays, read_csv
from gradcheck_lm.htr.readers.crops import fit, thickness
from gradcheck_lm.htr.readers.page_xml import read_page
from gradcheck_lm.htr.readers.xml import read_xml
from gradcheck_lm.lm.ngrams.ngram_counts import Symbols, check_order


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds and the peak of Python's memory in MB; what it raises is part of it."""
    tracemalloc.start()
    before = time.process_time()
    try:
        work()
    except (DataError, ArgumentError):
        pass
    finally:
        seconds, peak = time.process_time() - before, tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    return seconds, peak


def page_xml(folder: Path, body: str) -> Path:
    (folder / "p.xml").write_text(f'<PcGts><Page imageFilename="p.png">{body}</Page></PcGts>')
    return folder / "p.xml"


def alto_xml(folder: Path, body: str) -> Path:
    (folder / "p.xml").write_text(f"<alto><Layout><Page>{body}</Page></Layout></alto>")
    return folder / "p.xml"


LINE = '<TextLine id="l"><Coords points="0,0 50,0 50,20 0,20"/></TextLine>'
BOX = '<TextLine HPOS="0" VPOS="0" WIDTH="9" HEIGHT="9"/>'


def test_the_one_sentence() -> None:
    bound = Bound(2_000_000, "corners", "simplify it")
    assert bound.sentence(3_000_000, "x.xml") == "x.xml has 3 million corners, at most 2 million are read: simplify it"
    assert Bound(100, "tags", "look").sentence(101, "x") == "x has 101 tags, at most 100 are read: look"
    size = Bound(4_000_000_000, "bytes", "cut it")
    assert (
        size.sentence(12_100_000_000, "x", verb="unpacks to") == "x unpacks to 12.1 GB, at most 4 GB are read: cut it"
    )
    assert Bound(50, "bytes", "cut it").sentence(1500, "x") == "x has 1.5 kB, at most 50 bytes are read: cut it"
    bound.hold(2_000_000, "x.xml")
    with pytest.raises(ArgumentError, match=r"^x\.xml has 2 x 2 corners, at most 2 million are read: simplify it$"):
        bound.hold(2_000_001, "x.xml", shown="2 x 2", error=ArgumentError)


def test_every_bound_has_a_cure_and_a_unit() -> None:
    found = [value for value in vars(bounds).values() if isinstance(value, Bound)]
    assert len(found) >= 14
    assert all(bound.most > 0 and bound.unit and bound.cure for bound in found)


# ------------------------------------------------------------------ XML


@pytest.mark.parametrize("depth", [10, 5_000, 30_000])
def test_nested_regions_are_bounded(tmp_path: Path, depth: int) -> None:
    body = "".join(f'<TextRegion type="t{index}">{LINE}' for index in range(depth)) + "</TextRegion>" * depth
    file = page_xml(tmp_path, body)
    if depth == 10:
        assert [len(line.tags) for line in read_page(file).lines] == list(range(1, 11))
        return
    with pytest.raises(DataError, match=r"p\.xml has 101 elements inside one another, at most 100 are read"):
        read_page(file)
    assert cost(lambda: read_page(file))[1] < 60


def test_nested_blocks_of_alto_are_bounded(tmp_path: Path) -> None:
    depth = 20_000
    body = "".join(f'<TextBlock TAGREFS="t{index}">{BOX}' for index in range(depth)) + "</TextBlock>" * depth
    with pytest.raises(DataError, match="101 elements inside one another"):
        read_page(alto_xml(tmp_path, body))


@pytest.mark.parametrize("tags", [60, 200_000])
def test_tags_of_one_element_are_bounded(tmp_path: Path, tags: int) -> None:
    names = " ".join(f"t{index}" for index in range(tags))
    file = alto_xml(tmp_path, f'<TextBlock TAGREFS="{names}">{BOX * 2000}</TextBlock>')
    if tags == 60:
        lines = read_page(file).lines
        assert len(lines) == 2000
        assert all(line.tags is lines[0].tags for line in lines)  # held once
        return
    with pytest.raises(DataError, match=r"tags, at most 100 are read|characters in one attribute"):
        read_page(file)
    assert cost(lambda: read_page(file))[1] < 100


def test_tags_come_once_however_often_they_are_named(tmp_path: Path) -> None:
    body = f'<TextBlock TAGREFS="{"a b " * 5000}">{BOX}</TextBlock>'
    assert read_page(alto_xml(tmp_path, body)).lines[0].tags == ("a", "b")


def test_structure_types_take_time_in_proportion(tmp_path: Path) -> None:
    custom = "structure{" * 40_000
    file = page_xml(tmp_path, f'<TextRegion id="r" custom="{custom}">{LINE}</TextRegion>')
    assert cost(lambda: read_page(file))[0] < 5  # the square of it took 3 s at 66 kB and minutes here
    for custom, tags in (
        ("readingOrder {index:1;} structure {type:heading;}", ("heading",)),
        ("structure{type:a} structure { score:0.9; type : b ; }", ("a", "b")),
        ("structure {subtype:x;} notstructure {type:y;} structure {}", ()),
        ("structure {type:open", ("open",)),
    ):
        file = page_xml(tmp_path, f'<TextRegion id="r" custom="{custom}">{LINE}</TextRegion>')
        assert read_page(file).lines[0].tags == tags


@pytest.mark.parametrize("points", [900, 25_000, 300_000])
def test_corners_of_an_outline_are_bounded(tmp_path: Path, points: int) -> None:
    outline = " ".join(f"{index % 400},{index % 50}" for index in range(points))
    file = page_xml(tmp_path, f'<TextRegion><TextLine id="l"><Coords points="{outline}"/></TextLine></TextRegion>')
    if points == 900:
        assert len(read_page(file).lines[0].polygon) == 900
        return
    words = (
        "its outline has 25000 corners, at most 20000" if points == 25_000 else "million characters|characters in one"
    )
    with pytest.raises(DataError, match=words):
        read_page(file)


def test_elements_lines_and_corners_of_a_page_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = page_xml(tmp_path, f"<TextRegion>{LINE * 30}</TextRegion>")
    assert len(read_page(file).lines) == 30
    for name, most, words in (
        ("XML_ELEMENTS", 40, "has 41 elements, at most 40 are read: cut it into parts"),
        ("PAGE_LINES", 29, "has 30 lines, at most 29 are read"),
        ("PAGE_CORNERS", 100, "has 104 corners in all its outlines, at most 100 are read"),
        ("XML_ATTRIBUTE", 18, "Coords has 19 characters in one attribute, at most 18"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(bounds, name, replace(getattr(bounds, name), most=most))
            with pytest.raises(DataError, match=words):
                read_page(file)


def test_many_small_elements_end_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "XML_ELEMENTS", replace(bounds.XML_ELEMENTS, most=10_000))
    (tmp_path / "x.xml").write_bytes(b"<r>" + b"<a/>" * 2_000_000)
    # the file's own 8 MB, the elements up to the bound and one piece more
    seconds, peak = cost(lambda: read_xml(tmp_path / "x.xml"))
    assert seconds < 5
    assert peak < 30


def test_the_thickness_of_a_page_wide_outline_is_measured_on_a_smaller_drawing() -> None:
    size = (6000, 8000)
    square = ((100.0, 100.0), (7900.0, 100.0), (7900.0, 5900.0), (100.0, 5900.0))
    assert thickness(square, fit(square, size)) == pytest.approx(5800, rel=0.01)
    zigzag = tuple((index * 4, float((index % 2) * 6000)) for index in range(2_000))
    assert cost(lambda: thickness(zigzag, fit(zigzag, size)))[0] < 1


def test_an_empty_xml_beside_a_page_is_not_passed_over(tmp_path: Path) -> None:
    pages(tmp_path / "set")
    save(tmp_path / "set" / "p2.png", page_picture())
    (tmp_path / "set" / "p2.xml").write_bytes(b"")
    with pytest.raises(DataError, match=r"p2\.xml stands beside a picture and begins with no XML element .* 0 bytes"):
        open_lines(tmp_path / "set")
    (tmp_path / "set" / "p2.xml").rename(tmp_path / "set" / "other.xml")  # of no page
    assert len(open_lines(tmp_path / "set")) == len(open_lines(pages(tmp_path / "one")))
    (tmp_path / "set" / "other.xml").write_text("<?xml version='1.0'?>" + f"<!-- {'licence ' * 1000} -->" + PAGE[39:])


# ------------------------------------------------------------------ arrays


def bomb(file: Path, megabytes: int) -> Path:
    """Logits of zeros: 1000 times smaller in the file."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f4", "fortran_order": False, "shape": (megabytes * 50, 1, 5000)}
    )
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("logits.npy", "w") as member:
        member.write(head.getvalue())
        for _ in range(megabytes):
            member.write(bytes(1_000_000))
    return file


def test_what_unpacks_to_gigabytes_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bomb(tmp_path / "bomb.npz", 60)
    monkeypatch.setattr(bounds, "ARRAYS", replace(bounds.ARRAYS, most=50_000_000))
    with pytest.raises(DataError, match=r"bomb\.npz unpacks to 60 MB, at most 50 MB are read: cut it into parts"):
        load_arrays(file)
    assert cost(lambda: load_arrays(file))[1] < 1


def test_only_what_is_needed_of_an_archive_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "x.npz", logits=np.zeros((3, 1, 3)), hidden=np.zeros(1_000_000))
    monkeypatch.setattr(bounds, "ARRAYS", replace(bounds.ARRAYS, most=9_000_000))
    assert read_logits(tmp_path / "x.npz", charset=Charset("ab")).logits.shape == (3, 1, 3)
    assert cost(lambda: read_logits(tmp_path / "x.npz", charset=Charset("ab")))[1] < 1


def test_logits_take_their_memory_once(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", logits=np.zeros((500, 50, 200), np.float32) - 1, blank="last")  # 20 MB
    charset = Charset("".join(map(chr, range(0x4E00, 0x4E00 + 199))))
    assert cost(lambda: read_logits(tmp_path / "x.npz", charset=charset))[1] < 30


def test_a_csv_takes_a_few_bytes_a_number(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text(("-1.5;" * 1000 + "\n") * 200)  # 1 MB
    assert cost(lambda: read_csv(file))[1] < 3  # lists of numbers took 22 bytes a byte


def test_a_csv_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.csv"
    file.write_text("0;" * 300_000)
    with pytest.raises(DataError, match=r"x\.csv, line 1 has 299999 characters, at most 200000 are read"):
        read_csv(file)
    monkeypatch.setattr(bounds, "CSV", replace(bounds.CSV, most=1000))
    with pytest.raises(DataError, match=r"x\.csv has 600 kB, at most 1 kB are read: it is one line's logits"):
        read_csv(file)


def test_lines_of_very_unequal_length_are_not_padded_without_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(30):
        np.save(tmp_path / f"{index}.npy", np.zeros((10_000 if index == 3 else 1, 5), np.float32) - 1)
    monkeypatch.setattr(bounds, "ARRAYS", replace(bounds.ARRAYS, most=2_000_000))
    with pytest.raises(DataError, match=r"unpacks to 2\.2 MB, at most 2 MB are read"):
        read_logits(tmp_path, charset=Charset("abcd"))


# ------------------------------------------------------------------ charsets, n-grams, lists


def test_a_charset_takes_time_in_proportion() -> None:
    characters = "".join(chr(0x10000 + index) for index in range(60_000))
    assert cost(lambda: Charset(characters))[0] < 5  # each was counted in all the others
    with pytest.raises(ArgumentError, match="the charset has 200001 characters, at most 200000 are read"):
        Charset("".join(chr(0x10000 + index) for index in range(200_001)))
    with pytest.raises(ArgumentError, match="occur more than once"):
        Charset(characters + characters[5])


def test_an_enormous_order_is_refused_at_once() -> None:
    assert cost(lambda: check_order(10**9, Symbols("abc", True)))[0] < 1
    with pytest.raises(ArgumentError, match="order is 1000000000: with 3 characters it may be 1 to 24"):
        check_order(10**9, Symbols("abc", True))
    check_order(24, Symbols("abc", True))


@pytest.mark.parametrize("kind", ["labels.tsv", "metadata.csv", "texts", "images"])
def test_a_limit_opens_no_more_pictures_than_it_needs(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(9):
        save(tmp_path / f"{index}.png", stroke(60 + index))
        if kind == "texts" and index % 2:
            (tmp_path / f"{index}.txt").write_text(f"text {index}")
    if kind == "labels.tsv":
        (tmp_path / kind).write_text("".join(f"{index}.png\ttext {index}\n" for index in range(9)))
    if kind == "metadata.csv":
        (tmp_path / kind).write_text("file_name,text\n" + "".join(f"{index}.png,text {index}\n" for index in range(9)))
    opened: list[str] = []
    from gradcheck_lm.htr import images

    whole = images._opened
    monkeypatch.setattr(images, "_opened", lambda path, where: opened.append(str(path)) or whole(path, where))
    lines = open_lines(tmp_path, limit=2, labelled=kind == "texts")
    assert len(opened) == len(lines) == (4 if kind == "texts" else 2)
    opened.clear()
    assert len(open_lines(tmp_path)) == len(opened) == 9
    if kind == "labels.tsv":
        assert len(read_labels_tsv(tmp_path, limit=3)) == 3
