"""A divergence averaged over classes as well as samples: torch's default for kl_div, and not the divergence."""

from __future__ import annotations

import ast

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.watching.sites import call_at, line_of
from gradcheck_lm.flow.watching.source import called
from gradcheck_lm.flow.watching.tape import Call, Recording

_OTHER_WORDS = ("reduction", "reduce", "size_average")


def warn_of_kl_mean(evidence: Evidence, chain: Chain) -> None:
    """A warning at each kl_div of several classes that is reduced by "mean"."""
    recording = evidence.recording
    for index, call in enumerate(recording.calls):
        if not _averages_classes(recording, call) or not evidence.leads_to_a_term(call):
            continue
        shape = recording.tokens[call.inputs[0]].shape
        values = {"count": str(shape[1:].numel()), "shape": str(tuple(shape))}
        draft = Draft("mixed_reductions", index, "certain", "warning", cause="kl_mean", values=values)
        chain.put(draft, key=("kl mean", None if call.site is None else line_of(call.site)))


def may_average_classes(recording: Recording) -> bool:
    """Whether there is such a divergence."""
    return any(_averages_classes(recording, call) for call in recording.calls)


def _averages_classes(recording: Recording, call: Call) -> bool:
    if call.operation.name != "kl_div" or not call.live or len(call.outputs) != 1:
        return False
    shape = recording.tokens[call.inputs[0]].shape
    several = len(shape) > 1 and shape[1:].numel() > 1 and not recording.tokens[call.outputs[0]].shape
    return several and _reduction(recording, call) == "mean"


def _reduction(recording: Recording, call: Call) -> str:
    """How the loss is reduced, by its module or by the text of its call; "" where neither says."""
    module = recording.modules[call.module][0]() if call.module >= 0 else None
    if isinstance(module, torch.nn.KLDivLoss):
        return str(module.reduction)
    text = call_at(call.site) if call.site is not None else None
    if text is not None and isinstance(text.func, ast.Call) and called(text.func) == "KLDivLoss":
        text = text.func  # made where it is called
    elif text is None or called(text) != "kl_div" or len(text.args) > 2:
        return ""
    given = {one.arg: one.value for one in text.keywords}
    if None in given:  # **options
        return ""
    value = given.get("reduction")
    if value is None:
        return "" if any(word in given for word in _OTHER_WORDS) else "mean"
    return str(value.value) if isinstance(value, ast.Constant) else ""
