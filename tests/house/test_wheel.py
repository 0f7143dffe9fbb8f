"""What is published: the wheel holds the package and nothing beside it, whether built from a checkout or an sdist."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="building the wheel offline needs hatchling: pip install gradcheck_lm[dev]")

ROOT = Path(__file__).resolve().parents[2]


def build(kind: str, out: Path, root: Path = ROOT) -> Path:
    """Build a wheel or an sdist from a whole checkout, with whatever else lies in it."""
    code = f"from hatchling.build import build_{kind}; import sys; print(build_{kind}(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(out)], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    info = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    assert {name.split("/")[0] for name in names(wheel)} == {"gradcheck_lm", info}


def test_the_benchmarks_stay_in_the_checkout(wheel: Path) -> None:
    inside = {name.split("/")[1] for name in names(wheel) if name.startswith("gradcheck_lm/")}
    parts = {path.name for path in (ROOT / "gradcheck_lm").iterdir() if path.name != "__pycache__"}
    assert parts - inside == {"bench"}
    assert inside <= parts


def test_type_checkers_are_told_that_the_package_is_typed(wheel: Path) -> None:
    assert "gradcheck_lm/py.typed" in names(wheel)


def test_the_sdist_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (root,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert names(build("wheel", tmp_path, root)) == names(wheel)
    assert (root / "gradcheck_lm" / "bench" / "__main__.py").is_file(), "from an sdist everything can be run"
