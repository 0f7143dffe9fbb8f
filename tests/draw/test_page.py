"""report.html: self-contained, escaped, complete, in two languages; what is missing is left out."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from draw_samples import HOSTILE, broken, fixed, large, unreached
from page_samples import full_report, png

from gradcheck_lm.draw.page import page_parts
from gradcheck_lm.draw.page.page import page_html, save_page
from gradcheck_lm.draw.page.report import Report
from gradcheck_lm.draw.page.svg import inline_svg
from gradcheck_lm.draw.view import cut_of
from gradcheck_lm.errors import ArgumentError, LayoutError

VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """The page's elements, scripts and texts; complains where tags do not match."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.inner: dict[str, list[str]] = {"script": [], "style": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.inner:
            self.inner[self.open[-1]].append(data)
        else:
            self.texts.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def page() -> str:
    return page_html(full_report())


@pytest.mark.needs("layout")
def test_the_page_is_well_formed_and_ids_are_its_own(page: str) -> None:
    reader = read(page)
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for _, attributes in reader.elements:
        target = attributes.get("aria-controls") or attributes.get("aria-labelledby")
        assert target is None or target in ids


@pytest.mark.needs("layout")
def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    for tag, attributes in read(page).elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "foreignobject"), tag
        for name in ("src", "href", "action", "data", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/png;base64,", "#")), (tag, name, value)
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


@pytest.mark.needs("layout")
def test_the_policy_forbids_the_network_and_names_script_and_style_by_hash(page: str) -> None:
    reader = read(page)
    policy = next(a["content"] for _, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        (inner,) = reader.inner[kind]
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"


@pytest.mark.needs("layout")
def test_hostile_text_is_shown_and_not_run(page: str) -> None:
    reader = read(page)
    assert len(reader.inner["script"]) == 1
    assert "alert(1)" not in reader.inner["script"][0]
    shown = "".join(reader.texts)
    # title, verdict, tab, tables, transcripts, mistakes, examples, configuration: each shows it as text
    assert shown.count(HOSTILE) > 20


@pytest.mark.needs("layout")
@pytest.mark.parametrize(
    "text", ['"><img src=x onerror=alert(1)>', "' onclick='alert(1)", "]]>", "{{ 7 * 7 }}", "\x00\x1b日本語"]
)
def test_other_hostile_texts(text: str) -> None:
    reader = read(page_html(full_report(text)))
    assert all(not name.startswith("on") for _, attributes in reader.elements for name in attributes)
    assert "49" not in "".join(reader.texts) or "7 * 7" in "".join(reader.texts)
    assert {a.get("src", "data:")[:5] for tag, a in reader.elements if tag == "img"} == {"data:"}  # type: ignore[index]


@pytest.mark.needs("layout")
def test_every_part_is_there(page: str) -> None:
    shown = re.sub(r"\s+", " ", " ".join(read(page).texts))
    for part in (
        "Where the gradient goes", "The cuts, in the order in which the data flows", "train.py:22", "GF101",
        "What to use instead", "train.py:28",
        "Gradient norm over steps", "Results", "What the language model thinks", "6.2600", "Mistakes",
        "Most frequent confusions", "Lines and how each arm reads them", "Configuration and versions", "optimizer.name",
        "2.13.0", "The autograd graph", "carries gradient",
    ):  # fmt: skip
        assert part in shown, part


def test_what_is_missing_is_left_out() -> None:
    empty = page_html(Report(title="Nothing yet"))
    reader = read(empty)
    assert [a["id"] for _, a in reader.elements if a.get("id")] == ["main"]
    only = page_html(Report(versions={"torch": "2.13"}))
    assert "Configuration and versions" in only
    for heading in ("Where the gradient goes", "Results", "Mistakes", "What the language model thinks"):
        assert heading not in only


def test_a_single_diagnosis_makes_a_page(tmp_path: Path) -> None:
    path = save_page(tmp_path / "report.html", broken())
    text = path.read_text(encoding="utf-8")
    assert "lm is dead" in text
    assert 'role="tab"' not in text
    same = save_page(tmp_path / "same.html", {"title": "gradcheck_lm", "diagnosis": broken()}).read_text(
        encoding="utf-8"
    )
    main = '<section id="arms">'
    assert same[same.index(main) :] == text[text.index(main) :]
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "same.html"]


def test_a_diagnosis_saves_itself_as_a_page(tmp_path: Path) -> None:
    for diagnosis in (broken(), fixed(), unreached()):
        path = diagnosis.save(tmp_path / "report.html")
        read(path.read_text(encoding="utf-8"))


@pytest.mark.needs("layout")
def test_both_languages_are_always_there(page: str) -> None:
    reader = read(page)
    tongues = [attributes["lang"] for _, attributes in reader.elements if "lang" in attributes][1:]
    assert tongues.count("en") == tongues.count("ja") > 50
    assert "微分が存在しない演算" in page
    japanese = page_html(dataclasses.replace(full_report(), language="ja"))
    assert '<html lang="ja" data-language="ja">' in japanese


@pytest.mark.needs("layout")
def test_a_click_can_show_every_node(page: str) -> None:
    reader = read(page)
    nodes = [a["data-node"] for tag, a in reader.elements if tag == "g" and "data-node" in a]
    details = [a["data-node"] for tag, a in reader.elements if tag == "article"]
    autograd = 5  # the autograd graph's boxes have no story
    assert len(nodes) - autograd == len(details)
    assert all(
        a.get("tabindex") == "0" and a.get("aria-label")
        for tag, a in reader.elements
        if tag == "g" and "data-node" in a
    )


def test_source_excerpts_come_from_the_file(tmp_path: Path) -> None:
    source = tmp_path / "train.py"
    source.write_text(
        "import torch\n\ndef decode(logits):\n    ids = logits.argmax(-1)  # here\n    return ids\n\nx = 1\n"
    )
    found = dataclasses.replace(
        broken().findings[0], file=str(source), line=4, source="ids = logits.argmax(-1)  # here", columns=(6, 23)
    )
    lines = page_parts.excerpt(cut_of(found, 1))
    assert [line["number"] for line in lines] == [3, 4, 5]
    hit = next(line for line in lines if line["hit"])
    assert (hit["before"], hit["marked"], hit["after"]) == ("    ids = ", "logits.argmax(-1)", "  # here")
    source.write_text("something else\n" * 9)  # edited since: the excerpt would lie
    import linecache

    linecache.checkcache()
    assert [line["number"] for line in page_parts.excerpt(cut_of(found, 1))] == [4]


def test_a_graph_that_cannot_be_drawn_becomes_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> bytes:
        raise LayoutError("dot did not lay out a graph of about 9 nodes")

    monkeypatch.setattr(page_parts, "picture", fail)
    text = page_html(Report(diagnoses={"": broken()}))
    assert "The flow graph is not shown" in text
    assert "did not lay out a graph" in text
    assert "GF101" in text


@pytest.mark.needs("layout")
def test_where_only_one_language_is_drawn_in_time_it_serves_both(monkeypatch: pytest.MonkeyPatch) -> None:
    real = page_parts.picture

    def fail(text: str, *rest: object, **named: object) -> bytes:
        if "勾配" in text:
            raise LayoutError("dot did not lay out a graph of about 9 nodes")
        return real(text, *rest, **named)  # type: ignore[arg-type]

    both = page_html(Report(diagnoses={"": broken()}))
    assert len(re.findall(r'<figure class="flow" data-arm="arm0" lang="(en|ja)">', both)) == 2
    ids = re.findall(r'\bid="([^"]+)"', both)
    assert {"arm0-n0", "arm0-ja-n0"} <= set(ids)
    assert len(ids) == len(set(ids))
    monkeypatch.setattr(page_parts, "picture", fail)
    text = page_html(Report(diagnoses={"": broken()}))
    assert '<figure class="flow" data-arm="arm0">' in text
    assert "The flow graph is not shown" not in text


def test_the_page_of_a_large_graph_stays_small() -> None:
    assert len(page_html(Report(diagnoses={"": large(5000)})).encode()) < 300_000


def test_wrong_reports_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"a report has no field 'titel'; it has .*title"):
        save_page(tmp_path / "r.html", {"titel": "x"})
    with pytest.raises(ArgumentError, match="opens in 'en' or 'ja'"):
        page_html(Report(language="fr"))
    with pytest.raises(ArgumentError, match="neither PNG nor JPEG"):
        page_html(Report(pictures={"x": b"GIF89a"}))
    assert list(tmp_path.iterdir()) == []


def test_graphs_of_ones_own_are_cleaned() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" onload="alert(1)" '
        'viewBox="0 0 9 9">'
        '<script>alert(1)</script><style>*{}</style><g class="node" onclick="alert(1)"><title>n0</title>'
        '<a xlink:href="javascript:alert(1)"><text>kept</text></a></g><image href="http://x/"/>'
        '<foreignObject><p>no</p></foreignObject><rect fill="url(http://x/)" style="x"/></svg>'
    )
    clean = inline_svg(svg, prefix="p-")
    root = ElementTree.fromstring(clean)
    assert [element.tag for element in root.iter()] == ["svg", "g", "text", "rect"]
    assert "alert" not in clean
    assert "http" not in clean
    assert 'id="p-n0"' in clean
    assert "kept" in page_html(Report(graphs={"mine": svg}))


@pytest.mark.parametrize(
    ("text", "message"),
    [("<svg", "not well-formed"), ("<html/>", "no SVG"), ('<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "entities")],
)
def test_what_is_no_svg_is_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        inline_svg(text)


def test_an_image_may_be_a_jpeg() -> None:
    assert "data:image/jpeg;base64," in page_html(Report(pictures={"x": b"\xff\xd8\xff\xe0"}))
    assert "data:image/png;base64," in page_html(Report(pictures={"x": png()}))
