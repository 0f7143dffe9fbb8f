"""README's first example, as a person pastes it; as a script it runs it with this very Python.

cd SOMEWHERE && PYTHON .../tests/support/first_example.py    # what `make release` does in an empty environment
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
EXAMPLE = re.compile(r"as `(\w+\.py)` and run it.*?```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", re.DOTALL)


def first_example() -> tuple[str, str, str]:
    """(file name, program, what it prints)."""
    found = EXAMPLE.search(README.read_text(encoding="utf-8"))
    assert found is not None, "README has no first example: a program, `prints`, and its output"
    return found[1], found[2], found[3]


def without_digits(text: str) -> str:
    """Losses and norms differ in their last digits from processor to processor; places do not."""
    return re.sub(r"\d+\.\d+", "#", text)


def differences(folder: Path) -> str:
    """Run it in a folder; what it prints that README does not say, or its error. Nothing where all is well."""
    name, program, printed = first_example()
    (folder / name).write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, name], cwd=folder, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != 0:
        return done.stderr
    return "" if without_digits(done.stdout) == without_digits(printed) else f"it printed\n{done.stdout}"


def installed() -> tuple[str, str]:
    """(version, folder) of the package that this Python imports."""
    import gradcheck_lm

    return gradcheck_lm.__version__, str(Path(gradcheck_lm.__file__).parent)


if __name__ == "__main__":
    version, place = installed()
    if Path(place).is_relative_to(ROOT) and "site-packages" not in place:
        sys.exit(f"{place} is the checkout, and the built package was to be tried")
    with tempfile.TemporaryDirectory() as folder:
        wrong = differences(Path(folder))
    if wrong:
        sys.exit(f"README's first example, with gradcheck_lm {version} of {place}:\n{wrong}")
    print(f"README's first example prints what README says, with gradcheck_lm {version} of {place}")
