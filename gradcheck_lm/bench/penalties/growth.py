"""How a penalty's time and memory grow with lines, frames, classes, samples and length, one of them at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.bench.timing import interleaved, kept_mb
from gradcheck_lm.draw.plots.curves import Panel, Series
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm import LanguageModel
from gradcheck_lm.penalties import PENALTIES, make_penalty

BASE = {"N": 8, "T": 128, "C": 80, "K": 4, "L": 24}
GRID = {
    "N": (2, 8, 32),
    "T": (64, 128, 256),
    "C": (40, 80, 160),
    "K": (2, 4, 8),
    "L": (12, 24, 48),
}
MEANING = {"N": "lines", "T": "frames", "C": "classes", "K": "samples a line", "L": "characters of a text"}
MEASURED = ("soft_embedding", "gumbel_softmax", "policy_gradient", "minimum_risk", "relax")
REPEATS = 3


def growth(language_model: LanguageModel, device: torch.device, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Milliseconds and MB kept of one call and its backward, by penalty and axis, the others as in BASE."""
    curves: dict[str, Any] = {}
    for axis, values in GRID.items():
        progress(f"growth with {axis}: {MEANING[axis]}")
        curves[axis] = {name: {"x": list(values), "milliseconds": [], "memory_mb": []} for name in MEASURED}
        for value in values:
            for name, (milliseconds, memory) in point({**BASE, axis: value}, language_model, device).items():
                curves[axis][name]["milliseconds"].append(milliseconds)
                curves[axis][name]["memory_mb"].append(memory)
    said = ", ".join(f"{axis} = {BASE[axis]} {MEANING[axis]}" for axis in BASE)
    return {
        "base": BASE,
        "language_model": language_model.name,
        "curves": curves,
        "said": f"One axis at a time, the others at {said}; language model {language_model.name}; a call of the "
        f"penalty and its backward down to the logits, median of {REPEATS}. Memory is what autograd keeps.",
    }


def point(sizes: dict[str, int], language_model: LanguageModel, device: torch.device) -> dict[str, tuple[float, float]]:
    """Each penalty's milliseconds and MB at one point."""
    charset = charset_of(sizes["C"])
    logits = random_lines(sizes, device)
    labels = [charset.characters[: sizes["L"] % (sizes["C"] - 1) or 1]] * sizes["N"]

    def work(name: str) -> Callable[[], None]:
        options: dict[str, Any] = {"samples": sizes["K"]} if "samples" in PENALTIES[name].options() else {}
        penalty = make_penalty(name, language_model, charset, objective="score", **options)

        def call() -> None:
            leaf = logits.clone().requires_grad_()
            torch.autograd.grad(penalty(leaf, labels).loss, leaf)

        return call

    works = {name: work(name) for name in MEASURED}
    found = interleaved(works, repeats=REPEATS, device=device)
    memory = {name: kept_mb(call, besides=language_model.module.parameters()) for name, call in works.items()}
    return {name: (1000 * found.median(name), memory[name]) for name in works}


def charset_of(classes: int) -> Charset:
    """The first characters from the space upwards that are no control characters."""
    codes = [*range(0x20, 0x7F), *range(0xA1, 0x180)]
    return Charset("".join(chr(code) for code in codes[: classes - 1]))


def random_lines(sizes: dict[str, int], device: torch.device) -> Tensor:
    """Logits (T, N, C) float32 that read as about L characters, and are in doubt about a tenth of them."""
    frames, lines, classes, length = (sizes[key] for key in "TNCL")
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(frames, lines, classes, generator=generator)
    path = torch.zeros(frames, lines, dtype=torch.long)
    places = torch.linspace(0, frames - 1, length).long()
    path[places] = torch.randint(1, classes, (length, lines), generator=generator)
    sure = torch.where(torch.rand(frames, lines, generator=generator) < 0.1, 4.0, 10.0)
    return logits.scatter_add(2, path[:, :, None], sure[:, :, None]).to(device)


def growth_panels(found: dict[str, Any]) -> list[Panel]:
    """A panel of milliseconds for each axis, and one of memory along the lines."""
    panels = [
        Panel(
            f"{axis}: {MEANING[axis]}",
            axis,
            "milliseconds a call",
            {name: Series(rows["x"], rows["milliseconds"]) for name, rows in table.items()},
        )
        for axis, table in found["curves"].items()
    ]
    memory = {name: Series(rows["x"], rows["memory_mb"]) for name, rows in found["curves"]["N"].items()}
    return [*panels, Panel("memory", "N", "MB kept for the backward", memory)]
