"""One diagnosis in the making: the evidence is gathered, the questions are asked of it in order, the answer is put."""

from __future__ import annotations

from collections.abc import Callable

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, mark
from gradcheck_lm.flow.asking.cuts.other_cuts import note_other_cuts
from gradcheck_lm.flow.asking.cuts.rest import explain_rest
from gradcheck_lm.flow.asking.cuts.starved import explain_dead_terms, explain_unreached, note_frozen
from gradcheck_lm.flow.asking.cuts.thrown_away import warn_of_thrown_away
from gradcheck_lm.flow.asking.cuts.vanishing import explain_deaths, explain_shifts, explain_underflow, harmless_zeros
from gradcheck_lm.flow.asking.evidence.evidence import Evidence, gather
from gradcheck_lm.flow.asking.evidence.terms import MakeExperiment, Strand
from gradcheck_lm.flow.asking.warnings.axes.kl_mean import warn_of_kl_mean
from gradcheck_lm.flow.asking.warnings.axes.mean_beside_sum import warn_of_mean_beside_sum
from gradcheck_lm.flow.asking.warnings.axes.reduced_axis import warn_of_reduced_axis
from gradcheck_lm.flow.asking.warnings.axes.renamed_axes import warn_of_renamed_axes
from gradcheck_lm.flow.asking.warnings.axes.same_part import warn_of_same_parts
from gradcheck_lm.flow.asking.warnings.axes.summed_derivatives import warn_of_summed_derivatives
from gradcheck_lm.flow.asking.warnings.axes.unread_part import warn_of_unread_parts
from gradcheck_lm.flow.asking.warnings.bootstrapped import warn_of_bootstrapped
from gradcheck_lm.flow.asking.warnings.idle_terms import warn_of_idle_terms
from gradcheck_lm.flow.asking.warnings.mispaired import warn_of_mispairs
from gradcheck_lm.flow.asking.warnings.mixing import warn_of_mixing
from gradcheck_lm.flow.asking.warnings.redrawn import warn_of_redrawn
from gradcheck_lm.flow.asking.warnings.score_function import warn_of_trained_critic
from gradcheck_lm.flow.asking.warnings.shared_modules import warn_of_shared_modules
from gradcheck_lm.flow.asking.warnings.softmaxes.axis_of_one import warn_of_axes_of_one
from gradcheck_lm.flow.asking.warnings.softmaxes.held_probabilities import warn_of_held_probabilities
from gradcheck_lm.flow.asking.warnings.spread_sums import warn_of_spread_sums
from gradcheck_lm.flow.asking.warnings.suspicious import warn_of_suspicious
from gradcheck_lm.flow.asking.warnings.tokens.looking_ahead import warn_of_looking_ahead
from gradcheck_lm.flow.asking.warnings.tokens.targets import ask_about_targets, warn_of_targets
from gradcheck_lm.flow.asking.warnings.unread import warn_of_unread
from gradcheck_lm.flow.asking.warnings.values.masks_reversed import warn_of_reversed_masks
from gradcheck_lm.flow.asking.warnings.values.units_alike import warn_of_units_alike
from gradcheck_lm.flow.asking.warnings.written_backward import warn_of_ignored_gradient, warn_of_module_backward
from gradcheck_lm.flow.findings.model import Diagnosis, Term
from gradcheck_lm.flow.findings.notes import BY_CONSTRUCTION
from gradcheck_lm.flow.gradients.engine import Autograd, Engine
from gradcheck_lm.flow.tracing.picture import flow_graph
from gradcheck_lm.flow.watching.recorder import Recorder

# Each looks at the evidence alone and adds drafts of findings to the chain, which merges what is said twice.
STEPS: tuple[Callable[[Evidence, Chain], None], ...] = (
    explain_dead_terms,
    explain_unreached,
    explain_deaths,
    explain_underflow,
    explain_shifts,
    note_frozen,
    note_other_cuts,
    warn_of_suspicious,
    warn_of_spread_sums,
    warn_of_mean_beside_sum,
    warn_of_kl_mean,
    warn_of_summed_derivatives,
    warn_of_reduced_axis,
    warn_of_mixing,
    warn_of_renamed_axes,
    warn_of_axes_of_one,
    warn_of_held_probabilities,
    warn_of_mispairs,
    warn_of_shared_modules,
    warn_of_unread,
    warn_of_same_parts,
    warn_of_unread_parts,
    warn_of_thrown_away,
    warn_of_idle_terms,
    warn_of_trained_critic,
    warn_of_bootstrapped,
    warn_of_ignored_gradient,
    warn_of_module_backward,
    warn_of_redrawn,
    warn_of_looking_ahead,
    warn_of_targets,
    warn_of_reversed_masks,
    warn_of_units_alike,
    explain_rest,
)


class Inquiry:
    """Answers for one recording, one set of tensors and one loss; arguments as in `evidence.gather`."""

    def __init__(
        self,
        recorder: Recorder,
        wrt: dict[str, torch.Tensor],
        terms: dict[str, torch.Tensor | float],
        *,
        given: bool,
        explicit: bool,
        others: bool = False,
        experiment: MakeExperiment | None = None,
        autograd: Engine | None = None,
    ) -> None:
        self.recorder = recorder
        self.wrt = wrt
        self.terms = terms
        self.given = given
        self.explicit = explicit
        self.others = others
        self.experiment = experiment
        self.autograd: Engine = autograd or Autograd()

    def answer(self) -> Diagnosis:
        """All questions in order."""
        if self.recorder.recording.target_doubts is None:  # a script's were asked about in time, and without its hooks
            ask_about_targets(self.recorder, list(self.terms.values()))
        evidence = gather(
            self.recorder, self.wrt, self.terms, given=self.given, explicit=self.explicit, experiment=self.experiment,
            others=self.others, autograd=self.autograd,
        )  # fmt: skip
        chain = Chain(evidence.recording)
        for step in STEPS:
            step(evidence, chain)
        return _diagnosis(evidence, chain)


def _diagnosis(evidence: Evidence, chain: Chain) -> Diagnosis:
    subjects = evidence.subjects
    made = chain.findings()
    marked = {call: position for position, (call, _) in reversed(list(enumerate(made))) if call is not None}
    graph, ids = flow_graph(
        evidence.flow,
        wrt=dict(zip(subjects.names, subjects.roots, strict=True)),
        terms={strand.name: strand.token for strand in evidence.strands},
        distances=dict(evidence.distances),
        marked=marked,
        norms=dict(zip(subjects.names, _norms(evidence), strict=True)),
    )
    starved = evidence.dead or evidence.unreached or evidence.bad
    ok = not starved and harmless_zeros(evidence).issuperset(evidence.zero)
    assert ok or any(finding.severity == "error" for _, finding in made), "a gradient is lost and no finding says why"
    return Diagnosis(
        ok=ok,
        findings=mark([finding for _, finding in made], ids, [call for call, _ in made]),
        terms={strand.name: _term(evidence, strand) for strand in evidence.strands},
        unreached=tuple(subjects.names[place] for place in evidence.unreached),
        zero=tuple(subjects.names[place] for place in evidence.zero),
        graph=graph,
        notes=tuple(dict.fromkeys((*evidence.notes, *chain.notes, *_by_construction(evidence)))),
        wrt=subjects.names,
    )


def _term(evidence: Evidence, strand: Strand) -> Term:
    names = evidence.subjects.names
    reaches = tuple(name for place, name in enumerate(names) if strand.gradients.reaches(place))
    return Term(strand.name, strand.value, strand.requires_grad, reaches, not reaches, strand.gradients.norm)


def _norms(evidence: Evidence) -> list[float | None]:
    columns = (
        [strand.gradients.norms[place] for strand in evidence.strands] for place in range(len(evidence.subjects))
    )
    return [max((norm for norm in column if norm is not None), default=None) for column in columns]


def _by_construction(evidence: Evidence) -> list[str]:
    return [BY_CONSTRUCTION.told(tensor=evidence.subjects.names[place]) for place in evidence.structural]
