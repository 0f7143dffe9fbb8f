"""The documentation site: built strictly, without a network, and asking for nothing from elsewhere when it is read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from child_processes import run_process

ROOT = Path(__file__).resolve().parents[2]
NO_WAY = "http://127.0.0.1:9"  # a port where nothing listens
needs_zensical = pytest.mark.needs("zensical", "mkdocstrings")  # pip install 'gradcheck_lm[docs]'


def build(docs: Path) -> subprocess.CompletedProcess[str]:
    proxies = {name: NO_WAY for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", "zensical.toml"]
    return run_process(
        command, cwd=docs, text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **proxies, "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of docs/ beside the package, so that nothing is written into the checkout."""
    place = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", place / "docs", ignore=shutil.ignore_patterns(".site", ".cache"))
    shutil.copytree(
        ROOT / "gradcheck_lm", place / "gradcheck_lm", ignore=shutil.ignore_patterns("weights", "__pycache__")
    )
    return place / "docs"


@pytest.mark.slow
@needs_zensical
def test_the_site_builds_strictly_and_asks_for_nothing_from_elsewhere(docs: Path) -> None:
    done = build(docs)
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout, done.stdout
    assert "griffe:" not in done.stdout, done.stdout  # a docstring that cannot be read
    site = docs / ".site"
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    written = {path.relative_to(docs).with_suffix(".html").as_posix() for path in docs.rglob("*.md")}
    assert written - {"results/README.html"} <= pages | {page.replace("index.html", "README.html") for page in pages}
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"'](?:https?:)?//[^\"']*", text)
        loaded += re.findall(r"<link\b(?![^>]*rel=[\"']?canonical)[^>]*\bhref=[\"'](?:https?:)?//[^\"']*", text)
        assert loaded == [], path
    for path in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path
    api = (site / "api.html").read_text(encoding="utf-8")
    for name in (
        "flow.diagnose.diagnose",
        "flow.diagnose.record",
        "flow.watch.GradientWatch",
        "penalties.make_penalty",
    ):
        assert re.search(rf'<h\d[^>]*id="gradcheck_lm\.{re.escape(name)}"', api), name
    for section in ("Parameters:", "Returns:", "Raises:", "Gradient:"):
        assert section in api
    for path in site.rglob("*.html"):
        check_words_of_the_theme(path.relative_to(site).as_posix(), path.read_text(encoding="utf-8"))


# what the theme writes around each page, and what it writes there in Japanese
OF_THE_THEME = {"Search": "検索", "Skip to content": "コンテンツにスキップ", "Back to top": "ページトップへ戻る"}


def check_words_of_the_theme(name: str, text: str) -> None:
    japanese = name.endswith(".ja.html") or "/ja/" in name
    assert re.search(r'<html lang="?(\w+)', text)[1] == ("ja" if japanese else "en"), name  # type: ignore[index]
    around = re.sub(r"<article\b.*?</article>", "", text, flags=re.DOTALL)
    for english, translated in {**OF_THE_THEME, "On this page": "目次"}.items():
        there, missing = (translated, english) if japanese else (english, translated)
        assert f">{missing}<" not in around.replace("\n", "").replace("  ", ""), (name, missing)
        if english in OF_THE_THEME:
            assert there in around, (name, there)


@pytest.mark.slow
@needs_zensical
def test_a_link_that_leads_nowhere_stops_the_build(docs: Path) -> None:
    page = docs / "concepts.md"
    kept = page.read_text(encoding="utf-8")
    page.write_text(kept + "\n[nowhere](no-such-page.md)\n", encoding="utf-8")
    try:
        done = build(docs)
    finally:
        page.write_text(kept, encoding="utf-8")
    assert done.returncode != 0
    assert "page does not exist" in done.stdout


def test_every_page_can_be_reached() -> None:
    """From the navigation, or by a link on another page in the same folder or above it."""
    docs = ROOT / "docs"
    pages = [path for path in docs.rglob("*.md") if ".site" not in path.parts]
    assert len(pages) > 20
    reached = set(re.findall(r'"([\w./-]+\.md)"', (docs / "zensical.toml").read_text(encoding="utf-8")))
    for path in pages:
        links = re.findall(r"\]\(([\w./-]+\.md)", path.read_text(encoding="utf-8"))
        reached |= {(path.parent / link).resolve().relative_to(docs).as_posix() for link in links}
    assert {path.relative_to(docs).as_posix() for path in pages} - reached == set()


@pytest.mark.needs("griffe")
def test_our_docstrings_become_sections() -> None:
    from gradcheck_lm.bench.pages.griffe_sections import with_blank_lines

    text = "One line.\n\nArgs:\n    a, b: two.\n    c: one.\nReturns:\n    A thing.\nGradient: exact."
    assert with_blank_lines(text) == (
        "One line.\n\n\nArgs:\n    a: two.\n    b: two.\n    c: one.\n\nReturns:\n    A thing.\n\n**Gradient:** exact."
    )
