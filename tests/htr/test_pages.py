"""PAGE-XML and ALTO: outlines, texts, tags, slivers and pictures that are missing; on real pages too."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from data_samples import ALTO, PAGE, page_picture, pages, save
from PIL import Image

from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.htr import Charset, build_crnn, open_lines, to_batch
from gradcheck_lm.htr.readers.crops import thickness
from gradcheck_lm.lab.measuring.reading import labelled_lines


def test_a_page_gives_its_lines(tmp_path: Path) -> None:
    lines = open_lines(pages(tmp_path))
    assert [line.name for line in lines] == ["p1 l1", "p1 l2", "p1 l5", "p1 l6"]
    assert [line.text for line in lines] == ["first caf\u00e9 line", "two words", None, "in a table"]
    assert {line.hand for line in lines} == {"p1"}
    assert lines.notes == ("2 lines are slivers under 8 pixels and were left out: p1 l3, p1 l4",)


def test_an_outline_becomes_a_cut_out_with_paper_around_it(tmp_path: Path) -> None:
    lines = open_lines(pages(tmp_path))
    picture = page_picture()
    whole = lines[0].image
    assert whole.shape == (41, 201)
    assert np.array_equal(whole[1:-1, 1:-1], picture[21:60, 21:220])
    triangle = lines[1].image  # corners 20,80 120,80 70,140
    assert triangle.shape == (61, 101)
    assert np.array_equal(triangle[2, 10:90], picture[82, 30:110])
    paper = triangle[-5, 0]
    assert 200 <= paper <= 249
    assert (triangle[40:, :15] == paper).all()  # outside: left of the point that hangs down
    assert (triangle[5, 41:49] == 10).all()  # the ink of the page
    assert lines[2].image.shape == (41, 50)  # held within the picture


def test_partly_transcribed_pages_train_on_what_is_there(tmp_path: Path) -> None:
    told: list[str] = []
    lines = labelled_lines(pages(tmp_path), Charset("abcdefghijklmnopqrstuvwxyz\u00e9 "), progress=told.append)
    assert [line.text for line in lines] == ["first caf\u00e9 line", "two words", "in a table"]
    assert told[1] == "1 of 4 lines have no transcript and were left out"
    assert "slivers" in told[0]


def test_alto_gives_its_lines(tmp_path: Path) -> None:
    lines = open_lines(pages(tmp_path, ALTO))
    assert [(line.name, line.text) for line in lines] == [
        ("p1 l1", "l'heure est ve-"), ("p1 l2", "a box"), ("p1 l3", "stamp"),
    ]  # fmt: skip
    assert [line.image.shape for line in lines] == [(41, 201), (31, 101), (31, 101)]


@pytest.mark.parametrize(
    ("form", "tags", "names"),
    [
        (ALTO, ["MainZone"], ["p1 l1", "p1 l2"]),
        (ALTO, ["!StampZone"], ["p1 l1", "p1 l2"]),
        (ALTO, ["DefaultLine", "StampZone"], ["p1 l1", "p1 l3"]),
        (ALTO, ["MainZone", "!DefaultLine"], ["p1 l2"]),
        (PAGE, ["heading"], ["p1 l2"]),
        (PAGE, ["paragraph", "!heading"], ["p1 l1", "p1 l5"]),
    ],
)
def test_tags_choose_lines(tmp_path: Path, form: str, tags: list[str], names: list[str]) -> None:
    assert [line.name for line in open_lines(pages(tmp_path, form), tags=tags)] == names


def test_a_tag_that_no_line_has_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gives no lines from 1 pages .*tags there: DefaultLine, MainZone, StampZone"):
        open_lines(pages(tmp_path, ALTO), tags=["Main"])


def test_pages_without_pictures_are_left_out_and_named(tmp_path: Path) -> None:
    pages(tmp_path)
    pages(tmp_path, name="p2", image="scan 2.tif")
    (tmp_path / "p2.png").unlink()
    lines = open_lines(tmp_path)
    assert {line.hand for line in lines} == {"p1"}
    assert lines.notes[0] == "1 pages have no picture and were left out: p2.xml (scan 2.tif)"
    (tmp_path / "p1.png").unlink()
    with pytest.raises(DataError, match=r"gives no lines from 2 pages \(2 pages have no picture"):
        open_lines(tmp_path)


def test_pictures_stand_beside_or_above_and_by_the_files_own_name(tmp_path: Path) -> None:
    pages(tmp_path / "doc" / "page", image="scan.png")
    (tmp_path / "doc" / "page" / "p1.png").rename(tmp_path / "doc" / "scan.png")
    pages(tmp_path / "doc" / "alto", ALTO)  # an export's second form of the same page
    pages(tmp_path / "other", image="gone/away.jpg", name="q")
    lines = open_lines(tmp_path)
    assert [line.name for line in lines] == ["p1 l1", "p1 l2", "p1 l5", "p1 l6", "q l1", "q l2", "q l5", "q l6"]
    assert len(open_lines(tmp_path / "other" / "q.xml")) == 4


def test_pages_of_one_name_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    for document in ("first", "second"):
        pages(tmp_path / document)
    names = [line.name for line in open_lines(tmp_path)]
    assert names[0] == "first/p1 l1"
    assert names[-1] == "second/p1 l6"
    assert len(set(names)) == 8


def test_smaller_copies_of_pictures_scale_the_outlines(tmp_path: Path) -> None:
    pages(tmp_path)
    Image.fromarray(page_picture()).resize((200, 150)).save(tmp_path / "p1.png")
    assert open_lines(tmp_path)[0].image.shape == (21, 101)
    Image.fromarray(page_picture()).resize((200, 300)).save(tmp_path / "p1.png")
    with pytest.raises(DataError, match=r"speaks of a page of 400 x 300, but p1\.png has 200 x 300 pixels"):
        open_lines(tmp_path)


def test_alto_in_tenths_of_millimetres_is_scaled(tmp_path: Path) -> None:
    form = ALTO.replace('WIDTH="400" HEIGHT="300"', 'WIDTH="800" HEIGHT="600"').replace("pixel", "mm10")
    assert open_lines(pages(tmp_path, form))[0].image.shape == (21, 101)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"20,20 220,20 220,60 20,60"', '"20,20 220"', r"p1\.xml, line l1: .* has 3 numbers, expected pairs"),
        ('"20,20 220,20 220,60 20,60"', '"20,20 a,b"', "holds more than numbers"),
        ('"20,20 220,20 220,60 20,60"', '"20,20 1e9,3"', "holds more than numbers"),
        ('"20,20 220,20 220,60 20,60"', '"20,20 99999999,3 3,3"', "lies a million pixels away"),
        ('imageWidth="400"', 'imageWidth="wide"', "Page has imageWidth='wide', expected a number"),
        ("<Page ", "<Sheet ", r"p1\.xml is no XML that can be read"),
    ],
)
def test_bad_pages_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        open_lines(pages(tmp_path, PAGE.replace(old, new)))


def test_the_form_of_2010_has_points_as_children(tmp_path: Path) -> None:
    points = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in ((20, 20), (220, 20), (220, 60), (20, 60)))
    form = PAGE.replace('<Coords points="20,20 220,20 220,60 20,60"/>', f"<Coords>{points}</Coords>")
    assert open_lines(pages(tmp_path, form))[0].image.shape == (41, 201)


def test_an_outline_that_crosses_itself_is_no_sliver() -> None:
    # the formula by corners gives 0 for this bow tie
    assert thickness(((0, 0), (200, 60), (200, 0), (0, 60)), (0, 0, 201, 61)) > 25


def test_other_xml_and_other_choices_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<mets:mets xmlns:mets='x'/>")
    with pytest.raises(DataError, match=r"x\.xml is neither PAGE-XML nor ALTO: its first element is mets"):
        open_lines(tmp_path / "x.xml")
    pages(tmp_path)
    assert len(open_lines(tmp_path)) == 4  # the other XML file is no page
    with pytest.raises(ArgumentError, match=r"--split means nothing for .*docs/data\.md"):
        open_lines(tmp_path, split="train")


def test_pages_are_decoded_when_a_line_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gradcheck_lm.htr.readers.crops as crops

    read: list[str] = []
    whole = crops.read_image
    monkeypatch.setattr(crops, "read_image", lambda path: read.append(path) or whole(path))
    crops._page.cache_clear()
    lines = open_lines(pages(tmp_path))
    assert read == []
    images = [line.image for line in lines]
    assert len(read) == 1  # once for all lines of the page
    again = pickle.loads(pickle.dumps(lines[0]._image))  # a worker process gets it whole
    assert np.array_equal(again(), images[0])
    save(tmp_path / "p1.png", page_picture() // 2)
    assert lines[0].image.max() < 130  # a picture that has changed is read again


def test_real_page_xml(shared_data: Path) -> None:
    folder = shared_data / "pages" / "page"
    if not folder.is_dir():
        pytest.skip(f"no real pages at {folder}")
    lines = open_lines(folder)
    assert len(lines) == 34
    assert lines[0].text == "affects the useless attempts at classifying"
    assert [line.name for line in lines if line.text is None] == ["JDH_2_16_146_006 r1l9"]
    assert all(min(line.image.shape) > 40 for line in lines)
    ink = to_batch(lines[:4], build_crnn("small").config)
    assert ink.amax(dim=(1, 2, 3)).min() > 0.3  # on every line
    assert (ink < 0.05).float().mean() > 0.6  # paper, also where the outline has cut it away


def test_real_alto(shared_data: Path) -> None:
    folder = shared_data / "pages" / "alto"
    if not folder.is_dir():
        pytest.skip(f"no real pages at {folder}")
    lines = open_lines(folder)
    assert len(lines) == 29
    assert lines[0].text == "nous a annonc\u00e9 l'heureuse nouvelle"
    assert len(open_lines(folder, tags=["MainZone"])) == 29
    both = open_lines(shared_data / "pages")
    assert len(both) == 29 + 34
    assert [line.name for line in both] == [line.name for line in open_lines(shared_data / "pages")]
