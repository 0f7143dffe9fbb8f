"""A backward pass that autograd refused, made into a diagnosis."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from gradcheck_lm.flow.asking import answers
from gradcheck_lm.flow.asking.evidence.scene import Passed, Scene, Written
from gradcheck_lm.flow.asking.failures.refusals import is_refusal, raised_at
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.gradients.nodes import reachable_leaves
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import Site, line_of

NO_GRAPH = "does not require grad and does not have a grad_fn"  # autograd's word for a loss without a graph
_BACKWARD = torch.autograd.backward.__code__
_GRAD = torch.autograd.grad.__code__


@dataclass
class Refused:
    """A backward pass that raised."""

    error: BaseException
    roots: tuple[torch.Tensor, ...]
    site: Site | None
    own: OwnPass | None = None
    kept: str = ""  # what of the script's own would run if the graph were looked into
    told: bool = False  # it has been diagnosed
    asked: tuple[torch.Tensor, ...] = ()  # of autograd.grad: whose gradients were asked for

    @property
    def place(self) -> tuple[str, int]:
        """File and line of the backward()."""
        site = self.site or raised_at(self.error)
        return line_of(site) if site is not None else ("", 0)


def roots_of(error: BaseException) -> tuple[torch.Tensor, ...]:
    """The tensors that backward() or grad() was called on, found in the frames that their error came through."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code in (_BACKWARD, _GRAD):
            given = frame.f_locals.get("tensors", frame.f_locals.get("outputs"))
            losses = (given,) if isinstance(given, torch.Tensor) else tuple(given or ())
            return tuple(loss for loss in losses if isinstance(loss, torch.Tensor))
    return ()


def _unused(recorder: Recorder, refused: Refused) -> Iterator[tuple[int, int]]:
    """Of the leaves that grad() was asked about those that no graph of its roots holds, with a root."""
    leaves = {id(leaf) for root in refused.roots for leaf in reachable_leaves(root)}
    for asked in refused.asked:
        token = recorder.token_of(asked)
        if asked.is_leaf and id(asked) not in leaves and token is not None:
            roots = (recorder.token_of(root) for root in refused.roots)
            yield from ((token, root) for root in roots if root is not None)


def can_be_told(error: BaseException) -> bool:
    """Whether an error is one of autograd's that can be explained by the program's lines."""
    return isinstance(error, RuntimeError) and (NO_GRAPH in str(error) or is_refusal(error))


def refused_diagnosis(
    recorder: Recorder,
    refused: Refused,
    names: Sequence[str],
    *,
    passed: Sequence[Passed],
    written: Sequence[Written],
) -> Diagnosis | None:
    """The diagnosis of a backward pass that raised; None where its error cannot be explained."""
    scene = Scene(
        recorder.recording,
        refused.error,
        refused.roots,
        site=refused.site,
        passed=passed,
        written=written,
        unfinished=refused.own.unfinished() if refused.own is not None else (),
        ways=tuple(_unused(recorder, refused)),
        may_unpack=not refused.kept,
    )
    single = len(refused.roots) == 1
    terms = {"loss" if single else f"loss[{place}]": root for place, root in enumerate(refused.roots)}
    return answers.refused_diagnosis(scene, terms, names)
