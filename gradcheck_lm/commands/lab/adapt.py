"""`adapt`: a recogniser to a hand without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gradcheck_lm.commands.common import StepProgress, note, say, show_json
from gradcheck_lm.commands.data import Device, Json, ReadAlong
from gradcheck_lm.commands.options import argument
from gradcheck_lm.draw.lettering import cell
from gradcheck_lm.lab.settings import LINES, AdaptSettings, StopRule
from gradcheck_lm.options import Option

_STOPPING = "When to stop"


def adapt(
    images: Annotated[
        tuple[Path, ...],
        argument(f"Pictures of lines in the new hand, folders of them, or data sets. {LINES}", metavar="IMAGES..."),
    ],
    out: Annotated[Path, Option("Folder for the adapted checkpoint and the readings.", metavar="DIR")],
    settings: AdaptSettings = AdaptSettings(),
    along: ReadAlong = ReadAlong(),
    stop: Annotated[
        bool, Option("End early where the reading drifts, and keep the best recogniser before that.", panel=_STOPPING)
    ] = True,
    rule: StopRule = StopRule(),
    device: Device = None,
    json_output: Json = False,
) -> None:
    """Adapt a recogniser to lines without labels: images in, adapted checkpoint and before/after readings out.

    Where the folder has a labels.tsv, its labels are used to report error rates, never to train. It helps on a hand
    that the recogniser reads unsurely; on one that it reads wrongly but surely it does not (see docs/adapt.md). With
    --fuse an n-gram reads along before and after: what it mends without any training is the bar.
    """
    from gradcheck_lm.draw.terminal.terminal import progress
    from gradcheck_lm.lab.adapting.adapt_folder import adapt_folder
    from gradcheck_lm.lab.comparing.report import number
    from gradcheck_lm.lab.comparing.sentences import percent
    from gradcheck_lm.lab.measuring.reading_pairs import marked, most_changed

    with progress("adapting", settings.steps) as tick:
        found = adapt_folder(
            images,
            out,
            settings,
            device=device,
            rule=rule if stop else None,
            fuse=along.fusing(),
            progress=note,
            on_step=StepProgress(tick, lambda record: f"{record.get('penalty', 0.0):.3f} nats a character"),
        )
    if json_output:
        show_json(found)
        return
    for row in most_changed(found["readings"])[:8]:
        old, new = marked(row["before"], row["after"])
        say(f"{cell(row['image'])}\n  before  {cell(old)}\n  after   {cell(new)}")
    say(
        f"{found['changed']} of {found['lines']} readings changed (most changed first, changes in brackets); "
        f"all are in {found['readings_file']}, side by side in {out / 'readings.html'}"
    )
    if found["warning"]:
        say(f"beware: {found['warning']}")
    if found.get("stopped"):
        say(f"stopped after step {found['steps_done']} of {settings.steps}: {found['stopped']}")
    if found.get("kept_step") == 0:
        say("no look found a better score within the limits: the recogniser to start from is kept as it was")
    elif stop:
        say(f"kept: the recogniser after step {found['kept_step']}, the best score within the limits")
    say(
        f"{settings.lm}: {number(found['lm_before'])} -> {number(found['lm_after'])} nats per character; "
        f"length {number(found['length_ratio'])} of before"
    )
    if found["cer_before"] is not None:
        say(f"CER {percent(found['cer_before'])} % -> {percent(found['cer_after'])} % on the labelled lines")
    if found.get("fused") and found["fused"]["cer_before"] is not None:
        old, new = percent(found["fused"]["cer_before"]), percent(found["fused"]["cer_after"])
        say(f"read along with {along.fuse}: CER {old} % without any adapting, {new} % after it")
    say(f"adapted recogniser: {found['checkpoint']}")
