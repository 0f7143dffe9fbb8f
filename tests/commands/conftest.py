"""Fixtures shared by the tests of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six labelled lines of handwriting."""
    # here, as the tests of `run` stand in this folder too and need none of the laboratory's packages
    import numpy as np
    from PIL import Image

    from gradcheck_lm.htr.synthetic.synthetic import HELD_OUT_HANDS, render_line

    place = tmp_path / "lines"
    place.mkdir()
    rows = []
    for i, text in enumerate(["the first line", "a second line", "and a third", "then four", "five", "the last"]):
        image = render_line(text, HELD_OUT_HANDS[0], np.random.default_rng(i))
        Image.fromarray(image).save(place / f"{i}.png")
        rows.append(f"{i}.png\t{text}")
    (place / "labels.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return place
