"""Tensors that a function on the way to the loss was given and that no operation reads: masks, labels, features."""

from __future__ import annotations

import re
from types import CodeType

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.unread_arguments import MASK, looks_at
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import Site, is_users
from gradcheck_lm.flow.watching.tape import Recording

_LABELS = re.compile(
    r"^(y|t|gt|tgt|truth|ground_truth|y_true|answers?)$|(^|_)(labels?|targets?)$|^(labels?|targets?)(_|$)"
)
_ATTENTIONS = words("multi_head_attention_forward scaled_dot_product_attention softmax")
# a custom Function reads what it likes in its backward; a hook is given what others want
_NOT_ASKED = words("backward jvp vjp setup_context vmap hook")


def warn_of_unread(evidence: Evidence, chain: Chain) -> None:
    """A warning for each argument that nothing read; quiet where the whole loss is dead: that has its own cause."""
    recording = evidence.recording
    if all(strand.is_dead for strand in evidence.strands):
        return
    leading = evidence.ways.tokens
    asked = {
        call.site.code
        for call in recording.calls
        if call.site is not None and any(token in leading for token in call.outputs)
    }
    attentions = {
        call.site.code for call in recording.calls if call.operation.name in _ATTENTIONS and call.site is not None
    }
    for argument in evidence.unread:
        code, name = argument.code, argument.name
        if argument.elsewhere and code not in attentions:
            continue  # its loss may be what is masked
        if code not in asked or not is_users(code) or code.co_name in _NOT_ASKED or name.startswith("_"):
            continue
        cause = _cause(code, name)
        if cause is not None:
            chain.put(_draft(recording, code, name, cause), key=("unread", code, name))


def _cause(code: CodeType, name: str) -> str | None:
    """Which of the kind's causes; None where the argument may serve for its shape or type alone."""
    if MASK.search(name):
        return "mask"
    if _LABELS.search(name):
        return "labels"
    return None if looks_at(code, name) else "argument"


def _draft(recording: Recording, code: CodeType, name: str, cause: str) -> Draft:
    site = Site(code, 0, None, 0)  # the line that begins the function
    if cause == "mask":  # the attention that should have been given it, or the layer around that
        places = (
            around
            for index, call in enumerate(recording.calls)
            if call.operation.name in _ATTENTIONS
            for around in (call.site, *(one for _, one in recording.around(index)))
        )
        site = next((around for around in places if around is not None and around.code is code), site)
    values = {"name": name, "function": code.co_name}
    return Draft("unread", None, "likely", "warning", cause=cause, values=values, op=name, site=site)
