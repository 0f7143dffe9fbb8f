"""The page on the architecture: drawn from the imports, and as they are now."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcheck_lm.bench.pages import architecture
from gradcheck_lm.bench.pages.architecture import (
    PACKAGE,
    House,
    architecture_page,
    dot,
    houses,
    imports_of,
    stamp,
    write_architecture,
)
from gradcheck_lm.errors import GradcheckLMError

DOCS = Path(__file__).resolve().parents[2] / "docs"
ANEW = "write it anew: python -m gradcheck_lm.bench docs --no-lessons"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A house of two parts, one of which has rooms."""
    files = {
        "__init__.py": '"""All of it."""\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.flow',
        "errors.py": '"""What is wrong. And more."""',
        "flow/__init__.py": '"""Looks on."""\nfrom house.flow.asking.inquiry import f',
        "flow/diagnose.py": "from house.flow.watching import tape",
        "flow/watching/__init__.py": '"""One run."""',
        "flow/watching/tape.py": "from house.errors import Wrong",
        "flow/asking/__init__.py": "",
        "flow/asking/inquiry.py": "from house.flow.watching.tape import Token\ndef f():\n from house.draw import page",
        "draw/__init__.py": '"""Draws."""',
        "draw/page.py": "import house.flow.diagnose",
    }
    for name, text in files.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return tmp_path / "house"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "architecture.md").read_text(encoding="utf-8") == architecture_page(), ANEW


def test_the_pictures_are_up_to_date() -> None:
    found = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "architecture").iterdir()}
    assert set(found) == set(houses(PACKAGE)), ANEW
    assert [
        name for name, house in houses(PACKAGE).items() if not found[name].endswith(stamp(dot(house)) + "\n")
    ] == [], ANEW


def test_parts_and_their_arrows(package: Path) -> None:
    house = houses(package)["parts"]
    assert house.boxes == {"errors": "What is wrong.", "flow": "Looks on.", "draw": "Draws.", "house": "All of it."}
    assert house.arrows == {("flow", "errors"), ("draw", "flow")}
    assert house.lazy == {("flow", "draw"), ("house", "flow")}
    assert house.upward() == {("flow", "draw")}
    assert house.floors() == {"errors": 0, "flow": 1, "draw": 2, "house": 2}
    assert '"draw" -> "flow" [dir=back, style=dashed, constraint=false' in dot(house)


def test_rooms_are_drawn_where_a_part_has_some(package: Path) -> None:
    assert set(houses(package)) == {"parts", "flow"}
    house = houses(package)["flow"]
    assert house.arrows == {("flow/*.py", "watching"), ("flow/*.py", "asking"), ("asking", "watching")}
    assert list(house.boxes) == ["watching", "asking", "flow/*.py"]
    assert dot(house).count("dir=back") == 2, "that the top stands on watching follows from the two others"


def test_a_file_on_which_rooms_stand_is_a_box_of_its_own_so_that_others_may_stand_on_rooms(package: Path) -> None:
    (package / "flow" / "names.py").write_text('"""What all call it."""\nfrom house.flow.letters import A\n', "utf-8")
    (package / "flow" / "letters.py").write_text('"""The alphabet."""\n', "utf-8")
    (package / "flow" / "watching" / "call.py").write_text("from house.flow import names\n", "utf-8")
    house = houses(package)["flow"]
    assert list(house.boxes) == ["letters", "names", "watching", "asking", "flow/*.py"]
    assert house.boxes["names"] == "What all call it."
    assert {("names", "letters"), ("watching", "names"), ("flow/*.py", "asking")} <= house.arrows


def test_rooms_inside_a_room_are_drawn_too(package: Path) -> None:
    for name, text in {"scene": "X = 1", "cuts": "from house.flow.asking.scene.one import X"}.items():
        (package / "flow" / "asking" / name).mkdir()
        (package / "flow" / "asking" / name / "__init__.py").write_text(f'"""The {name}."""\n', "utf-8")
        (package / "flow" / "asking" / name / "one.py").write_text(f"{text}\n", "utf-8")
    assert list(houses(package)) == ["parts", "flow", "flow-asking"]
    house = houses(package)["flow-asking"]
    assert house.boxes == {"asking/*.py": "", "scene": "The scene.", "cuts": "The cuts."}
    assert house.arrows == {("cuts", "scene")}
    assert "## The rooms of flow/asking" in architecture._section("flow-asking", house)


def test_every_import_is_seen(package: Path) -> None:
    seen = {("/".join(one.importer), "/".join(one.imported), one.lazy) for one in imports_of(package)}
    assert ("flow/diagnose", "flow/watching/tape", False) in seen
    assert ("flow/asking/inquiry", "draw/page", True) in seen
    assert ("__init__", "flow", True) in seen
    assert ("draw/page", "flow/diagnose", False) in seen


def test_a_circle_is_refused() -> None:
    house = House({"a": "", "b": ""}, frozenset([("a", "b"), ("b", "a")]), frozenset())
    with pytest.raises(GradcheckLMError, match="takes part in a circle of imports"):
        house.floors()


def test_a_step_that_names_what_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(architecture, "STEPS", ("`Recordr` watches the run.",))
    with pytest.raises(
        GradcheckLMError, match=r"names Recordr, and nothing in flow is called that any more; mend STEPS"
    ):
        architecture_page()


@pytest.mark.needs("layout")
def test_what_is_written_is_what_is_checked(tmp_path: Path) -> None:
    page, picture = write_architecture(tmp_path)[:2]
    assert page.read_text(encoding="utf-8") == architecture_page()
    assert picture.read_text(encoding="utf-8").endswith(stamp(dot(houses(PACKAGE)["parts"])) + "\n")
