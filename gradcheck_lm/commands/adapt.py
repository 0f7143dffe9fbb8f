"""`adapt`: a recogniser to a hand without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gradcheck_lm.commands.common import StepProgress, note, say, show_json
from gradcheck_lm.commands.data import LINES, Beam, FuseBonus, FuseName, FuseWeight, OkOnly, Split, Tags
from gradcheck_lm.commands.readings import fusing
from gradcheck_lm.draw.lettering import cell
from gradcheck_lm.errors import ArgumentError


def adapt(
    images: Annotated[
        list[Path],
        typer.Argument(help=f"Pictures of lines in the new hand, folders of them, or data sets. {LINES}"),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the adapted checkpoint and the readings.")],
    recogniser: Annotated[str, typer.Option(help="A checkpoint, or 'synthetic' (the one that ships).")] = "synthetic",
    lm: Annotated[
        str, typer.Option(help="'smollm2', 'gpt2', 'char', 'ngram', or a folder with a causal LM or an n-gram.")
    ] = "smollm2",
    penalty: Annotated[
        str,
        typer.Option(
            help="How the language model teaches: 'policy_gradient', 'soft_embedding', 'minimum_risk', ...; "
            "a wrong name lists them all."
        ),
    ] = "policy_gradient",
    samples: Annotated[
        int | None, typer.Option(help="Strings a line, of penalties that take several; 8 for policy_gradient.")
    ] = None,
    proposals: Annotated[
        str | None,
        typer.Option(
            help="Where these come from, for 'policy_gradient' and 'minimum_risk': 'sample', 'beam', or 'fused_beam', "
            "which needs --fuse."
        ),
    ] = None,
    fuse: FuseName = None,
    fuse_weight: FuseWeight = 0.3,
    fuse_bonus: FuseBonus = 0.6,
    beam: Beam = 16,
    weight: Annotated[float, typer.Option(help="Weight of the penalty; the anchor to the old reading has 1.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Training steps.")] = 40,
    batch_size: Annotated[int, typer.Option(help="Lines in a step.")] = 16,
    split: Split = None,
    ok_only: OkOnly = False,
    tags: Tags = None,
    limit: Annotated[int | None, typer.Option(help="Use only the first so many lines.")] = None,
    stop: Annotated[
        bool, typer.Option(help="End early where the reading drifts, and keep the best recogniser before that.")
    ] = True,
    look_every: Annotated[int, typer.Option(help="Steps between looks at score and drift.")] = 5,
    drift: Annotated[
        float, typer.Option(help="Most KL divergence from the start, in multiples of the start's own entropy.")
    ] = 2.0,
    change: Annotated[
        float, typer.Option(help="Most changed characters, in multiples of the share that the start doubts.")
    ] = 2.0,
    patience: Annotated[int, typer.Option(help="Looks in a row without a better score before it ends.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of order and samples.")] = 0,
    device: Annotated[str | None, typer.Option(help="'cpu' or 'cuda'; by default the best there is.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Adapt a recogniser to lines without labels: images in, adapted checkpoint and before/after readings out.

    Where the folder has a labels.tsv, its labels are used to report error rates, never to train. It helps on a hand
    that the recogniser reads unsurely; on one that it reads wrongly but surely it does not (see docs/adapt.md). With
    --fuse an n-gram reads along before and after: what it mends without any training is the bar.
    """
    from gradcheck_lm.draw.terminal import progress
    from gradcheck_lm.lab.adapting.adapt_folder import adapt_folder
    from gradcheck_lm.lab.adapting.drift import StopRule
    from gradcheck_lm.lab.comparing.report import number, percent
    from gradcheck_lm.lab.measuring.reading_pairs import marked, most_changed

    rule = StopRule(every=look_every, drift=drift, change=change, patience=patience) if stop else None

    with progress("adapting", steps) as tick:
        found = adapt_folder(
            images,
            out,
            recogniser=recogniser,
            lm=lm,
            penalty=penalty,
            weight=weight,
            steps=steps,
            batch_size=batch_size,
            limit=limit,
            seed=seed,
            device=device,
            split=split,
            ok_only=ok_only,
            tags=tuple(tags or ()),
            rule=rule,
            fuse=fusing(fuse, fuse_weight, fuse_bonus, beam),
            options=penalty_options(samples, proposals, fuse, fuse_weight, fuse_bonus),
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
        say(f"stopped after step {found['steps_done']} of {steps}: {found['stopped']}")
    if found.get("kept_step") == 0:
        say("no look found a better score within the limits: the recogniser to start from is kept as it was")
    elif rule is not None:
        say(f"kept: the recogniser after step {found['kept_step']}, the best score within the limits")
    say(
        f"{lm}: {number(found['lm_before'])} -> {number(found['lm_after'])} nats per character; "
        f"length {number(found['length_ratio'])} of before"
    )
    if found["cer_before"] is not None:
        say(f"CER {percent(found['cer_before'])} % -> {percent(found['cer_after'])} % on the labelled lines")
    if found.get("fused") and found["fused"]["cer_before"] is not None:
        old, new = percent(found["fused"]["cer_before"]), percent(found["fused"]["cer_after"])
        say(f"read along with {fuse}: CER {old} % without any adapting, {new} % after it")
    say(f"adapted recogniser: {found['checkpoint']}")


def penalty_options(
    samples: int | None, proposals: str | None, fuse: str | None, fuse_weight: float, fuse_bonus: float
) -> dict[str, Any]:
    """What of the penalty's options was given.

    Raises:
        ArgumentError: a fused beam without an n-gram.
    """
    found: dict[str, Any] = {} if samples is None else {"samples": samples}
    if proposals is not None:
        found["proposals"] = proposals
    if proposals == "fused_beam":
        if fuse is None:
            raise ArgumentError("--proposals fused_beam needs an n-gram to fuse with: give --fuse ngram, or a folder")
        found |= {"fusion": fuse, "fusion_weight": fuse_weight, "length_bonus": fuse_bonus}
    return found
