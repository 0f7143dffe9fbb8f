"""Random numbers inside a checkpoint that does not keep the state of the generator: backward() draws others."""

from __future__ import annotations

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import line_of


def warn_of_redrawn(evidence: Evidence, chain: Chain) -> None:
    """A warning for each such checkpoint, at the line that calls it."""
    recording = evidence.recording
    for index, site in recording.redrawn.items():
        call = recording.calls[index]
        values = {"function": call.operation.title, "line": where(call.site)}
        draft = Draft("wrong_value", None, "certain", "warning", cause="redrawn", values=values, site=site)
        draft.op = "torch.utils.checkpoint.checkpoint"
        chain.put(draft, key=("redrawn", *line_of(site)))


def may_redraw(recorder: Recorder) -> bool:
    """Whether any was seen."""
    return bool(recorder.recording.redrawn)
