"""Gradients that vanish on the way back: nodes of the backward pass that give zero, None or NaN."""

from __future__ import annotations

from gradcheck_lm.flow.asking.drafts import Chain
from gradcheck_lm.flow.asking.terms import Strand, TermReader
from gradcheck_lm.flow.gradients.autograd import Death
from gradcheck_lm.flow.tracing.graph import Cut, Distances


class Vanishing(TermReader):
    """The part of an inquiry that finds where autograd's own gradient dies."""

    chain: Chain
    given: bool
    wanted: list[int]
    benign: set[int]  # zero gradients that are no fault
    fed: set[int]  # positions whose gradient is not zero

    def _explain_deaths(self, unreached: list[int], zero: list[int], bad: list[int], strands: list[Strand]) -> None:
        for strand in strands:
            root = strand.root
            if root is None or not root.requires_grad:
                continue
            if root is not None and strand.gradients.norms and self._freed(strand):
                continue
            columns = strand.gradients
            wanted = [p for p in {*unreached, *zero} if self.tensors[p].requires_grad]
            wanted += [p for p in bad if not columns.finite[p]]
            dead = self._is_dead(strand)
            if dead:
                wanted += [p for p in self.wanted if columns.norms[p] is not None]
            wanted = list(dict.fromkeys(wanted))
            if not wanted:
                continue
            found = self.autograd.deaths(root, [self.tensors[p] for p in wanted], self.recording.call_of)
            for place, death in sorted(found.items()):
                self._death(death, wanted[place], strand if dead and (self.given or len(strands) > 1) else None)

    def _explain_refusal(self, strand: Strand, ways: Distances, label: str | None) -> bool:
        """backward() raises: the operations on the way to the term that torch has no derivative of."""
        if not strand.gradients.refused:
            return False
        tokens, found = self.recording.tokens, False
        for index, call in enumerate(self.recording.calls):
            live = [source for source in call.inputs if tokens[source].requires_grad] if call.live else []
            for output in call.outputs if live else ():
                leads = output in ways.tokens and tokens[output].requires_grad
                if leads and any("discrete_op" in self.flow.cuts(index, source, output) for source in live):
                    self.chain.add(Cut(index, "discrete_op"), certainty="certain", term=label)
                    found = True
        return found

    def _freed(self, strand: Strand) -> bool:
        return "freed" in strand.gradients.note

    def _death(self, death: Death, position: int, strand: Strand | None) -> None:
        if death.state == "none" and not death.python:
            return  # this term's graph simply does not lead there
        gentle = death.state == "zero" and (death.direct or self._starts_at_zero(death, position))
        severity = "note" if gentle else "error"
        if gentle:
            self.benign.add(position)
        self.chain.death(
            death, term=strand.name if strand is not None else None, tensor=self.names[position], severity=severity
        )

    def _starts_at_zero(self, death: Death, position: int) -> bool:
        """The other factor is a parameter that is all zero still and learns: LoRA's B, a residual gate."""
        if death.call is None:
            return False
        inputs = set(self.recording.calls[death.call].inputs)
        for other, root in enumerate(self.roots):
            if other != position and root in inputs and self.tensors[other].requires_grad:
                value = self.tensors[other].detach()
                if value.numel() and not bool(value.any()) and other in self.fed:
                    return True
        return False

    def _structural_zeros(self, zero: list[int]) -> set[int]:
        """A zero gradient at the parameter's own step, while its neighbours there learn: a bias before BatchNorm."""
        return {position for position in zero if position in self.benign}
