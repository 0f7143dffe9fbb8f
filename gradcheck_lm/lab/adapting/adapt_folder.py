"""The new-hand experiment as a tool: pictures in, an adapted checkpoint and both readings out."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.draw.lettering import cell
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.htr.checkpoint import checkpoint_path, load_recogniser, save_checkpoint
from gradcheck_lm.htr.readers.logits import is_logits
from gradcheck_lm.htr.sources import open_lines
from gradcheck_lm.lab.adapting.adapt import adapt, adaptation_config
from gradcheck_lm.lab.adapting.drift import DriftWatch
from gradcheck_lm.lab.config import Arm
from gradcheck_lm.lab.lines.data import LineData
from gradcheck_lm.lab.lines.tenths import Tenths
from gradcheck_lm.lab.machine.devices import own_device
from gradcheck_lm.lab.machine.processes import on_main
from gradcheck_lm.lab.measuring.decoding import Fusing
from gradcheck_lm.lab.measuring.reading import nats_per_character, read
from gradcheck_lm.lab.measuring.reading_pairs import readings_page
from gradcheck_lm.lab.measuring.scoring import score_change
from gradcheck_lm.lab.settings import AdaptSettings, StopRule
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.options import identity_of
from gradcheck_lm.penalties import make_penalty

STATE_FOLDER = "state"
LEAST_FALL = 0.12  # of the language model's score, below which a run helped hardly more often than not: docs/adapt.md


def adapt_folder(
    images: Sequence[Path],
    out: str | Path,
    settings: AdaptSettings,
    *,
    device: str | None = None,
    rule: StopRule | None = None,
    fuse: Fusing | None = None,
    progress: Callable[[str], None],
    on_step: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Adapt a recogniser to pictures of lines; labels beside them serve the report alone.

    Args:
        settings: which recogniser, what teaches it, how long, and which lines of `images`.
        fuse: an n-gram that reads along, for a second pair of readings: the bar that adapting has to beat.
        rule: when to end before the last step, and which recogniser to keep; None: the one after the last step.
    Returns:
        The content of adapt.json: readings before and after, nats per character, CER where there are labels.
    Raises:
        ArgumentError: an --out that would overwrite the recogniser.
        DataError, CheckpointError, LanguageModelError: with what to mend.
    """
    out = Path(out)
    recogniser, lm, penalty = settings.recogniser, settings.lm, settings.penalty
    along = (None, 0.0, 0.0) if fuse is None else (fuse.name, fuse.weight, fuse.length_bonus)
    options = settings.penalty_options(*along)
    target = out / "recogniser.safetensors"
    if target.exists() and Path(recogniser).exists() and target.samefile(recogniser):
        raise ArgumentError(f"{target} is the recogniser to start from: give another --out, so that it is kept")
    if target.exists() and not (out / STATE_FOLDER).is_dir():
        raise ArgumentError(f"{target} was not written by adapt: give another --out, so that it is kept")
    logits = next((image for image in images if Path(image).exists() and is_logits(image)), None)
    if logits is not None:
        raise ArgumentError(
            f"{logits} holds logits, which can be scored but not adapted, for the recogniser is not here: adapt it "
            f"where it is, write its logits again, and hold them against these with: gradcheck-lm evaluate AFTER "
            f"--before {logits} --lm {lm}"
        )
    source = open_lines(
        images, split=settings.split, ok_only=settings.ok_only, tags=settings.tags, limit=settings.limit
    )
    for sentence in source.notes:
        progress(sentence)
    lines = source[: settings.limit]
    model, charset = load_recogniser(recogniser, seed=settings.seed)
    place = own_device(device)
    model.to(place).eval()
    unknown = charset.missing("".join(line.text or "" for line in lines))
    if unknown:
        progress(f"the recogniser cannot write {unknown!r}: left out of the labels that error rates are taken with")
    progress(f"loading the language model {lm}")
    language_model = load_language_model(lm, device=place)
    chosen: dict[str, Any] = {"objective": "ratio"} | ({"samples": 8} if penalty == "policy_gradient" else {})
    arm = Arm(penalty, penalty, settings.weight, chosen | options, anchor=settings.anchor)
    if "fusion" not in options:  # options that this penalty does not have are told before the lines are read
        make_penalty(penalty, language_model, charset, **arm.options)
    data = LineData(lines, model.config, charset, clean=True, progress=progress)
    before = read(model, data, charset, on_lines=Tenths(progress, "reading", len(data)))
    watch = (
        DriftWatch(model, charset, data, language_model, rule, out / STATE_FOLDER, seed=settings.seed) if rule else None
    )
    decoding = None if fuse is None else fuse.decoding(charset, place).fitted(model, data)  # the start's prior, twice
    fused_before = [] if decoding is None else read(model, data, charset, decode=decoding.read)
    config = adaptation_config(settings.steps, min(settings.batch_size, len(data)), seed=settings.seed)
    config = dataclasses.replace(config, checkpoint_every=rule.every if rule else max(1, settings.steps // 10))
    progress(f"adapting to {len(data)} lines")
    adapted = adapt(
        model,
        charset,
        data,
        language_model,
        arm,
        config,
        folder=out / STATE_FOLDER,
        device=device,
        identity={
            **identity_of(settings),
            "recogniser_sha256": digest(recogniser),
            "lines_sha256": hashlib.sha256(
                "\n".join(data.names).encode("utf-8", "surrogatepass")
            ).hexdigest(),  # each state holds it
            "rule": dataclasses.asdict(rule) if rule else None,
        },
        probe=watch.probe if watch else None,
        probe_every=rule.every if rule else 0,
        stop=watch.stop if watch else None,
        on_step=on_step,
    )
    adapted_model = adapted.model
    if watch:
        watch.stop(adapted.result.records)  # what was seen, also where nothing was left to do
        adapted_model = (watch.kept() or model).to(place).eval()
    after = read(adapted_model, data, charset, on_lines=Tenths(progress, "reading again", len(data)))
    change = score_change(before, after, data.texts if data.labelled else None, language_model)
    doubts = (
        stranger(nats_per_character(language_model, before), len(charset.characters)),
        small_fall(change.lm_before, change.lm_after),
    )
    found: dict[str, Any] = {
        "checkpoint": str(target),
        "readings_file": str(out / "readings.tsv"),
        "lines": len(data),
        **change.to_dict(),
        **(watch.report(adapted.result.records) if watch else {}),
        "warning": "; ".join(filter(None, doubts)) or None,
        "seconds_per_step": adapted.result.seconds_per_step,
        "readings": [
            {"image": name, "before": old, "after": new}
            for name, old, new in zip(data.names, before, after, strict=True)
        ],
    }
    if decoding is not None:
        fused_after = read(adapted_model, data, charset, decode=decoding.read)
        change = score_change(fused_before, fused_after, data.texts if data.labelled else None, language_model)
        found["fused"] = {**dataclasses.asdict(fuse), **change.to_dict()} if fuse else None
        for row, old, new in zip(found["readings"], fused_before, fused_after, strict=True):
            row |= {"fused_before": old, "fused_after": new}
    rows = ["\t".join(cell(row[column]) for column in ("image", "before", "after")) for row in found["readings"]]

    def write() -> None:
        save_checkpoint(adapted_model, charset, target, extra={"adapted_from": recogniser, "lm": lm})
        write_text_atomic(out / "readings.tsv", "\n".join(["image\tbefore\tafter", *rows]) + "\n")
        write_text_atomic(out / "readings.html", readings_page(found["readings"]))
        write_text_atomic(out / "adapt.json", json.dumps(found, indent=2, ensure_ascii=False) + "\n")

    on_main(write)
    return found


def small_fall(before: float, after: float) -> str | None:
    """A warning where something was learned and the language model's score fell too little to tell help from harm.

    Args:
        before, after: nats per character read, at the start and of what is kept.
    """
    if after == before or before - after >= LEAST_FALL * before:  # the start is kept, or it fell by enough
        return None
    return (
        f"the score went from {before:.2f} to {after:.2f} nats per character ({100 * (after / before - 1):+.0f} "
        f"%): of recorded runs that brought it down by {100 * LEAST_FALL:.0f} % and more, 80 of 86 read better along "
        "with an n-gram, of the others 49 of 82; hold it against transcribed lines before you use it"
    )


def stranger(nats: float, characters: int) -> str | None:
    """A warning where the language model knows less of what is read than a guess among all characters would.

    Args:
        nats: of the language model, per character read at the start.
        characters: in the charset.
    """
    guess = math.log(characters)
    if nats <= guess:
        return None
    return (
        f"the readings at the start cost the language model {nats:.2f} nats per character, more than a guess among the "
        f"{characters} characters ({guess:.2f}): it does not know this language, or the start reads most of it "
        "wrongly; a better score says little then"
    )


def digest(recogniser: str) -> str | None:
    """SHA-256 of a recogniser's file: another one of the same name must not go on with this one's state."""
    path = checkpoint_path(recogniser)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
