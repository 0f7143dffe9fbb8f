"""What files of strangers may not do: lead out of their folder, fill the memory, or fetch other files."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from data_samples import ALTO, PAGE, iam_lines, pages, save

from gradcheck_lm import bounds
from gradcheck_lm.bounds import Bound
from gradcheck_lm.errors import DataError
from gradcheck_lm.foreign import read_text
from gradcheck_lm.htr import open_lines
from gradcheck_lm.htr.paths import in_order, inside
from gradcheck_lm.htr.readers.xml import read_xml, root_name


@pytest.mark.parametrize("name", ["a.png", "sub/a.png", "sub\\a.png", "./a.png", "a..b.png", "..a.png"])
def test_names_inside_are_fine(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name, "here").is_relative_to(tmp_path)


@pytest.mark.parametrize(
    "name", ["../a", "sub/../../a", "..", "..\\a", "/etc/passwd", "C:\\a", "C:a", "\\\\server\\a", "a\0b", "//x/y"]
)
def test_names_outside_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"^labels, line 3: .* leads out of the folder; name files inside "):
        inside(tmp_path, name, "labels, line 3")


def linked(tmp_path: Path) -> tuple[Path, Path]:
    """A folder, and a picture outside of it that a link inside points to."""
    folder = tmp_path / "data"
    folder.mkdir()
    outside = save(tmp_path / "secret" / "x.png")
    (folder / "x.png").symlink_to(outside)
    (folder / "sub").symlink_to(outside.parent)
    return folder, outside


@pytest.mark.parametrize("name", ["x.png", "sub/x.png"])
def test_links_out_are_refused(tmp_path: Path, name: str) -> None:
    folder, _ = linked(tmp_path)
    (folder / "labels.tsv").write_text(f"{name}\ttext\n")
    with pytest.raises(DataError, match=r"line 1: .* is a link that leads out of the folder; put a copy of the file"):
        open_lines(folder)


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    save(tmp_path / "real" / "x.png")
    (tmp_path / "data").mkdir()
    save(tmp_path / "data" / "x.png")
    (tmp_path / "data" / "y.png").symlink_to(tmp_path / "data" / "x.png")
    (tmp_path / "data" / "labels.tsv").write_text("y.png\ttext\n")
    (tmp_path / "link").symlink_to(tmp_path / "data")  # the user's own name for the folder
    assert open_lines(tmp_path / "link")[0].image.shape == (32, 120)


def test_a_circle_of_links_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "labels.tsv").write_text("a.png\ttext\n")
    with pytest.raises(DataError, match="line 1"):
        open_lines(tmp_path)


def test_every_form_refuses_links_out(tmp_path: Path) -> None:
    _, outside = linked(tmp_path)
    iam = iam_lines(tmp_path / "iam")
    (iam / "lines/a01/a01-003/a01-003-00.png").unlink()
    (iam / "lines/a01/a01-003/a01-003-00.png").symlink_to(outside)
    gt = save(tmp_path / "gt" / "b.png").parent
    (gt / "gt.txt").write_text("a text\n")
    (gt / "a.png").symlink_to(outside)
    metadata = save(tmp_path / "metadata" / "b.png").parent
    (metadata / "metadata.csv").write_text("file_name,text\na.png,text\n")
    (metadata / "a.png").symlink_to(outside)
    page = pages(tmp_path / "page")
    (page / "p1.png").unlink()
    (page / "p1.png").symlink_to(outside)
    beside = save(tmp_path / "beside" / "b.png").parent
    (tmp_path / "secret" / "words.txt").write_text("secret")
    (beside / "b.txt").symlink_to(tmp_path / "secret" / "words.txt")
    for folder in (iam, gt, metadata, page, beside):
        with pytest.raises(DataError, match="is a link that leads out of the folder"):
            open_lines(folder)


@pytest.mark.parametrize("form", [PAGE, ALTO])
@pytest.mark.parametrize("name", ["../secret/x.png", "{outside}", "file://{outside}", "C:\\scans\\..\\secret\\x.png"])
def test_a_pages_picture_is_only_looked_for_beside_it(tmp_path: Path, form: str, name: str) -> None:
    outside = save(tmp_path / "secret" / "x.png")
    folder = pages(tmp_path / "data", form, image=name.format(outside=outside))
    (folder / "p1.png").unlink()
    with pytest.raises(DataError, match="1 pages have no picture"):
        open_lines(folder)
    pages(folder, form, image=name.format(outside=outside))
    (folder / "p1.png").rename(folder / "x.png")  # a path of the machine that made it; the picture came along
    assert len(open_lines(folder)) > 1


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
PARAMETER = '<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/hostname"> %a;]>'


@pytest.mark.parametrize("declaration", [BOMB, OUTSIDE, PARAMETER], ids=["bomb", "outside", "parameter"])
@pytest.mark.parametrize("form", [PAGE, ALTO])
def test_entities_are_refused(tmp_path: Path, form: str, declaration: str) -> None:
    head, _, rest = form.partition("?>")
    text = head + "?>" + declaration.replace("{", "{{") + rest.replace("first", "&a;").replace("a box", "&a;")
    with pytest.raises(DataError, match=r"p1\.xml defines entities or points to other files"):
        open_lines(pages(tmp_path, text))


def test_a_doctype_alone_fetches_nothing(tmp_path: Path) -> None:
    (tmp_path / "gone.dtd").write_text("<!ENTITY a 'from outside'>")
    (tmp_path / "x.xml").write_text('<!DOCTYPE form SYSTEM "gone.dtd"><form text="&a;"/>')
    assert read_xml(tmp_path / "x.xml").get("text") == ""  # the declaration in the other file was not read
    (tmp_path / "x.xml").write_text('<!DOCTYPE form SYSTEM "gone.dtd"><form text="&amp;"/>')
    assert read_xml(tmp_path / "x.xml").get("text") == "&"


def test_bad_xml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"", b"<a", b"\x00\x01", b'<?xml version="1.0" encoding="nobody-knows"?><a/>'):
        (tmp_path / "x.xml").write_bytes(data)
        with pytest.raises(DataError, match=r"x\.xml is no XML that can be read"):
            read_xml(tmp_path / "x.xml")
    with pytest.raises(DataError, match="cannot read"):
        read_xml(tmp_path / "gone.xml")
    monkeypatch.setattr(bounds, "XML", replace(bounds.XML, most=3))
    (tmp_path / "x.xml").write_text("<a></a>")
    with pytest.raises(DataError, match="has 7 bytes, at most 3 bytes are read: cut it into parts"):
        read_xml(tmp_path / "x.xml")


def test_the_first_element_is_found_in_the_head(tmp_path: Path) -> None:
    for text, name in (
        ('<?xml version="1.0"?><!-- <alto> --><pc:PcGts xmlns:pc="x">', "PcGts"),
        ("<!DOCTYPE a><alto>", "alto"),
        ("no XML", ""),
    ):
        (tmp_path / "x.xml").write_text(text)
        assert root_name(tmp_path / "x.xml") == name
    (tmp_path / "x.xml").write_bytes("<alto/>".encode("utf-16"))
    assert root_name(tmp_path / "x.xml") == "alto"


def enormous(path: Path, side: int) -> Path:
    """A small PNG whose head claims side x side pixels."""
    data = bytearray(save(path).read_bytes())
    data[16:24] = side.to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("side", [8_000, 60_000])  # above our bound; above Pillow's, which raises by itself
def test_every_form_refuses_enormous_pictures(tmp_path: Path, side: int) -> None:
    iam = iam_lines(tmp_path / "iam")
    enormous(iam / "lines/a01/a01-003/a01-003-00.png", side)
    page = pages(tmp_path / "page")
    enormous(page / "p1.png", side)
    images = enormous(tmp_path / "images" / "a.png", side).parent
    metadata = enormous(tmp_path / "metadata" / "a.png", side).parent
    (metadata / "metadata.csv").write_text("file_name,text\na.png,text\n")
    for folder in (iam, page, images, metadata):
        with pytest.raises(DataError, match="pixels, at most 50 million are read"):
            [line.image for line in open_lines(folder)]


def test_order_is_as_people_count(tmp_path: Path) -> None:
    names = ["b/line_1.png", "a/line_10.png", "a/line_9.png", "a/line_2.png", "a/x.png", "a/1.png"]
    order = [path.as_posix() for path in in_order(Path(name) for name in names)]
    assert order == ["a/1.png", "a/line_2.png", "a/line_9.png", "a/line_10.png", "a/x.png", "b/line_1.png"]


def test_texts_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"x\.txt is not UTF-8 near byte 3 \(0xE9, in line 1\): save it as UTF-8"):
        read_text(tmp_path / "x.txt")
    with pytest.raises(DataError, match=r"x\.txt has 4 bytes, at most 2 bytes are read: cut it"):
        read_text(tmp_path / "x.txt", Bound(2, "bytes", "cut it"))
    with pytest.raises(DataError, match="cannot read"):
        read_text(tmp_path / "gone.txt")
