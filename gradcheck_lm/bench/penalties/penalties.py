"""Speeds of the penalties: scoring and decoding against the story's loops, steps against CTC alone, growth."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.bench.penalties.growth import growth, growth_panels
from gradcheck_lm.bench.timing import interleaved, kept_mb
from gradcheck_lm.draw.plots.curves import save_curves
from gradcheck_lm.errors import ArgumentError, GradcheckLMError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.checkpoint import load_recogniser
from gradcheck_lm.htr.ctc import greedy_decode, greedy_paths, spell_paths
from gradcheck_lm.htr.synthetic.synthetic import HELD_OUT_HANDS, SyntheticLines
from gradcheck_lm.htr.synthetic.text import load_sentences
from gradcheck_lm.lab.comparing.compare import device_name, versions
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.training.terms import ctc_term
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.penalties import PENALTIES, make_penalty

LINES, DECODED_LINES, STEP_LINES = 32, 64, 8


def run_penalties(
    out: str | Path, *, lms: Sequence[str], repeats: int, device: str, curves: bool, progress: Callable[[str], None]
) -> Path:
    """Measure everything and write penalties.json, penalties.md and, with `curves`, penalties.png; gives the .md.

    Raises:
        ArgumentError: "cuda" without a GPU; LanguageModelError: a language model that cannot be loaded.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("torch sees no GPU here; --device cpu")
    out, target = Path(out), torch.device(device)
    model, charset = load_recogniser("synthetic")
    model.to(target).eval()
    texts = load_sentences("stdlib", charset=charset, split="test")
    data = LineData(SyntheticLines(texts, HELD_OUT_HANDS[:1], DECODED_LINES, 0), model.config, charset)
    images = data.take(range(len(data)), target).images
    with torch.no_grad():
        logits = model(images)
    readings = greedy_decode(logits, charset)
    report: dict[str, Any] = {
        "machine": f"{device_name(target)}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        "command": f"OMP_NUM_THREADS={torch.get_num_threads()} python -m gradcheck_lm.bench penalties "
        f"--lms {','.join(lms)} --repeats {repeats} --device {device}",
        "versions": versions(),
        "scoring": {},
        "steps": {},
    }
    for name in lms:
        progress(f"scoring with {name}")
        language_model = _with_module(name, target)
        pairs = list(zip(readings[:LINES], data.texts[:LINES], strict=True))
        report["scoring"][name] = scoring(language_model, pairs, repeats=repeats)
        progress(f"training steps with {name}")
        report["steps"][name] = steps(
            model, images[:STEP_LINES], data.texts[:STEP_LINES], language_model, charset, repeats=max(3, repeats // 2)
        )
        write_text_atomic(out / "penalties.json", json.dumps(report, indent=2) + "\n")
    progress("decoding")
    report["decoding"] = decoding(logits, charset, repeats=20 * repeats)
    if curves:
        report["growth"] = growth(_with_module("char", target), target, progress=progress)
        save_curves(out / "penalties.png", growth_panels(report["growth"]))
    report["load_at_the_end"] = os.getloadavg()[0]
    write_text_atomic(out / "penalties.json", json.dumps(report, indent=2) + "\n")
    return write_text_atomic(out / "penalties.md", page(report))


def _with_module(name: str, device: torch.device) -> LanguageModel:
    found = load_language_model(name, device=device)
    if not isinstance(found, LanguageModel):
        raise ArgumentError(f"{name} is no neural language model: the story's loop cannot be run with it")
    return found


def scoring(language_model: LanguageModel, pairs: list[tuple[str, str]], *, repeats: int) -> dict[str, Any]:
    """The story's loop over lines, each reading and each label alone, against one call for all of them."""
    readings, labels = [reading for reading, _ in pairs], [label for _, label in pairs]
    contestants = {
        "story": lambda: [story_score(language_model, text) for pair in pairs for text in pair],
        "one at a time": lambda: [language_model.score([text]) for pair in pairs for text in pair],
        "batched": lambda: language_model.score([*readings, *labels]),
        "story, labels": lambda: [story_score(language_model, text) for text in labels],
        "batched, labels": lambda: language_model.score(labels),
    }
    found = interleaved(contestants, repeats=repeats, device=language_model.device)
    story = torch.stack([story_score(language_model, text) for text in labels]).cpu()
    off = (story - language_model.score(labels).cpu()).abs()
    return {
        "dtype": str(language_model.dtype).removeprefix("torch."),
        "lines": len(pairs),
        "characters": sum(map(len, readings + labels)) / len(readings + labels),
        "equal_to_their_label": sum(a == b for a, b in pairs),
        "lines_per_second": {name: len(pairs) / found.median(name) for name in contestants},
        "story_over_batched": found.ratio("story", "batched"),
        "one_at_a_time_over_batched": found.ratio("one at a time", "batched"),
        "story_over_batched_labels_only": found.ratio("story, labels", "batched, labels"),
        "largest_difference_of_a_score": float(off[off.isfinite()].max()),
    }


def story_score(language_model: Any, text: str) -> Tensor:
    """One text as the story scores it: tokenised alone, and the model's own loss."""
    ids = language_model.tokens.encode([text])[0]
    if len(ids) < 2:
        return torch.tensor(torch.inf)
    table = torch.tensor([ids], device=language_model.device)
    return language_model.module(input_ids=table, labels=table).loss.float()


def decoding(logits: Tensor, charset: Charset, *, repeats: int) -> dict[str, Any]:
    """Greedy decoding of a batch: the whole of it, and what follows the argmax."""
    paths = greedy_paths(logits)
    table = paths.cpu().permute(1, 0).numpy()
    found = interleaved(
        {
            "story": lambda: story_decode(logits.argmax(2).permute(1, 0).cpu().numpy(), charset),
            "ours": lambda: greedy_decode(logits, charset),
            "story, after argmax": lambda: story_decode(table, charset),
            "ours, after argmax": lambda: spell_paths(paths, charset),
        },
        repeats=repeats,
        device=logits.device,
    )
    assert story_decode(table, charset) == greedy_decode(logits, charset)
    return {
        "shape": list(logits.shape),
        "milliseconds": {name: 1000 * found.median(name) for name in found.seconds},
        "with_argmax": found.ratio("story", "ours"),
        "after_argmax": found.ratio("story, after argmax", "ours, after argmax"),
    }


def story_decode(paths: Any, charset: Charset) -> list[str]:
    """The story's loop: NumPy rows, frame by frame in Python."""
    found = []
    for path in paths:
        merged = [label for frame, label in enumerate(path) if frame == 0 or label != path[frame - 1]]
        found.append("".join([charset.characters[label - 1] for label in merged if label != 0]))
    return found


def steps(
    model: nn.Module,
    images: Tensor,
    labels: list[str],
    language_model: LanguageModel,
    charset: Charset,
    *,
    repeats: int,
) -> dict[str, Any]:
    """A training step (forward, CTC, penalty, backward) with each penalty, over the step with CTC alone."""
    penalties: dict[str, Any] = {"ctc": None}
    for name in PENALTIES:
        try:
            penalties[name] = make_penalty(name, language_model, charset)
        except GradcheckLMError:
            continue  # it wants another language model, or another objective

    def step(name: str) -> None:
        model.zero_grad(set_to_none=True)
        logits = model(images)
        loss = ctc_term(logits, labels, charset)
        if penalties[name] is not None:
            loss = loss + 0.1 * penalties[name](logits, labels).loss
        loss.backward()

    found = interleaved({name: lambda name=name: step(name) for name in penalties}, repeats=repeats)  # type: ignore[misc]
    weights = [*model.parameters(), *language_model.module.parameters()]
    kept = {name: kept_mb(lambda name=name: step(name), besides=weights) for name in penalties}  # type: ignore[misc]
    return {
        "lines": len(labels),
        "milliseconds": {name: 1000 * found.median(name) for name in penalties},
        "over_ctc": {name: found.ratio(name, "ctc") for name in penalties},
        "kept_mb": kept,
    }


def _times(ratio: dict[str, float]) -> str:
    return f"{ratio['median']:.1f} ({ratio['low']:.1f} to {ratio['high']:.1f})"


def page(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [
        "# What the penalties cost", "",
        f"`{report['command']}`", "",
        f"On {report['machine']}, {report['load_at_the_end']:.1f} at the end. Ratios are medians over interleaved "
        "repeats, in brackets the middle half of them: a busy moment hits both sides.", "",
        "## Scoring: the story's loop over texts, against one call", "",
        "The story scores each reading and each label alone; a batched call takes both lists, and a reading that "
        "equals its label once.", "",
        "| LM | dtype | lines | characters a text | lines/s, story | lines/s, batched | times faster | labels only |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, row in report["scoring"].items():
        speed = row["lines_per_second"]
        lines.append(
            f"| {name} | {row['dtype']} | {row['lines']} | {row['characters']:.0f} | {speed['story']:.0f} "
            f"| {speed['batched']:.0f} | {_times(row['story_over_batched'])} "
            f"| {_times(row['story_over_batched_labels_only'])} |"
        )
    found = report["decoding"]
    spent = found["milliseconds"]
    lines += [
        "", "## Greedy decoding, " + " x ".join(map(str, found["shape"])) + " logits", "",
        "| | story | ours | times faster |", "|---|---|---|---|",
        f"| argmax counted | {spent['story']:.2f} ms | {spent['ours']:.2f} ms | {_times(found['with_argmax'])} |",
        f"| collapse and join only | {spent['story, after argmax']:.2f} ms | {spent['ours, after argmax']:.3f} ms "
        f"| {_times(found['after_argmax'])} |",
        "", "## A training step over the step with CTC alone", "",
        "The recogniser that ships, forward and backward; penalties with their defaults. Memory: what autograd "
        "keeps for the backward, weights aside.", "",
        "| LM | penalty | milliseconds | over CTC alone | kept, MB |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for lm, row in report["steps"].items():
        for name, milliseconds in row["milliseconds"].items():
            lines.append(
                f"| {lm} | {name} | {milliseconds:.0f} | {_times(row['over_ctc'][name])} | {row['kept_mb'][name]:.0f} |"
            )
    if "growth" in report:
        lines += ["", "## Growth", "", report["growth"]["said"], "", "![growth](penalties.png)"]
    return "\n".join(lines) + "\n"
