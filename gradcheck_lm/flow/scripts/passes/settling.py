"""What several looks at one loss say together: what is starved for good, and not in one step alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradcheck_lm.flow.asking.answers import with_findings
from gradcheck_lm.flow.asking.warnings.tokens.old_probabilities import CAUSE
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import BY_CHANCE, IN_NO_MODULE, NOT_FINITE_ONCE, NOT_THEIR_TURN
from gradcheck_lm.flow.scripts.passes.looks import Answer


@dataclass(frozen=True)
class Elsewhere:
    """What the other looks at a script say of a tensor that one loss, in one step, gives nothing."""

    live: set[int]  # some loss feeds them: a player waits for its turn
    idle: set[int]  # an optimizer holds them and no module has them any more: told with its steps
    families: set[str]  # names, without their numbers, of which one was read or fed in one step and not in another

    def waiting(self, answer: Answer) -> set[str]:
        """Names that are fed by another loss or in another step."""
        return {name for name in answer.starved if answer.ids.get(name) in self.live | self.idle}

    def by_chance(self, answer: Answer) -> set[str]:
        """Names of layers or experts that were idle in every step seen, where their like were idle in some."""
        waiting = self.waiting(answer)
        return {name for name in answer.starved if name not in waiting and family(name) in self.families}


def family(name: str) -> str:
    """A tensor's name without its numbers: the experts of a mixture, the layers of a stack."""
    return re.sub(r"\d+", "#", name)


def sometimes_read(answers: Sequence[Answer]) -> set[str]:
    """Names that one step's graph leads to, if only by a factor that is zero still, and another step's does not."""
    left_out = [set(answer.diagnosis.unreached) for answer in answers if answer.ids]
    return {name for names in left_out for name in names if any(name not in others for others in left_out)}


def settled(answers: Sequence[Answer], elsewhere: Elsewhere) -> Diagnosis:
    """One diagnosis for a loss that was looked at several times: what is starved for good, not in one step alone.

    Args:
        answers: of that loss, in order.
        elsewhere: what the other looks say.
    """
    told_apart = [answer for answer in answers if answer.exact and len(answer.diagnosis.terms) > 1]
    if told_apart:  # a pass of the script's own shows the sum alone: it cannot say that no term of it is dead
        answers = [answer for answer in answers if answer.exact]
    if (ruined := next((answer for answer in answers if answer.poisoned), None)) is not None:
        return ruined.diagnosis  # no later step can make that good
    ranked = [(*_badness(answer, elsewhere), not answer.exact, -place) for place, answer in enumerate(answers)]
    answer = _with_what_came_before(answers[ranked.index(min(ranked))], answers)
    diagnosis = answer.diagnosis if answer.diagnosis.ok else _excused(answer, elsewhere)
    diagnosis = _with_what_is_seen_once(diagnosis, answers)
    notes = list(diagnosis.notes)
    if any(is_bad(one.diagnosis) for one in answers) and not is_bad(diagnosis):
        notes.append(NOT_FINITE_ONCE.told(steps=len(answers)))
    return replace(diagnosis, notes=tuple(dict.fromkeys(notes)))


def _with_what_is_seen_once(diagnosis: Diagnosis, answers: Sequence[Answer]) -> Diagnosis:
    """With what only the first pass after a rollout can show: in the next one the weights have moved."""
    own = {finding.cause for finding in diagnosis.findings}
    once = [one for answer in answers for one in answer.diagnosis.findings if one.cause == CAUSE]
    if not once or CAUSE in own:
        return diagnosis
    return with_findings(diagnosis, [*enumerate(diagnosis.findings), (None, once[0])])


def _with_what_came_before(answer: Answer, answers: Sequence[Answer]) -> Answer:
    """The same findings where they were seen first: then the recording still held what made the weights as they are."""
    later = answer.diagnosis
    for one in answers:
        earlier = one.diagnosis
        same = one.exact == answer.exact and _told(earlier) == _told(later)
        hidden = _is_out_of_sight(later) and not _is_out_of_sight(earlier)
        if one is not answer and (same or (hidden and _starves_alike(earlier, later))):
            return replace(answer, diagnosis=replace(later, findings=earlier.findings, graph=earlier.graph))
    return answer


def _starves_alike(one: Diagnosis, other: Diagnosis) -> bool:
    return one.unreached == other.unreached and list(one.terms) == list(other.terms)


def _is_out_of_sight(diagnosis: Diagnosis) -> bool:
    """Whether of all that is starved nothing but "not used" can be said: made before this step, it may be."""
    return bool(diagnosis.unreached) and {finding.cause for finding in diagnosis.errors} == {"unused"}


def _told(diagnosis: Diagnosis) -> dict[tuple[str, str], set[str]]:
    """What is said of which tensors, on however many lines."""
    found: dict[tuple[str, str], set[str]] = {}
    for finding in diagnosis.findings:
        found.setdefault((finding.kind, finding.severity), set()).update(finding.tensors)
    return found


def _badness(answer: Answer, elsewhere: Elsewhere) -> tuple[int, int, int]:
    found = answer.diagnosis
    if found.ok:
        return 0, 0, 0
    starved = set(answer.starved) - elsewhere.waiting(answer) - elsewhere.by_chance(answer)
    return len(found.dead), is_bad(found), 1 + len(starved)


def is_bad(diagnosis: Diagnosis) -> bool:
    """Whether NaN or infinity is told as an error."""
    return any(finding.kind == "non_finite" for finding in diagnosis.errors)


def _excused(answer: Answer, elsewhere: Elsewhere) -> Diagnosis:
    """Without what another loss or another step feeds."""
    diagnosis, waiting, by_chance = answer.diagnosis, elsewhere.waiting(answer), elsewhere.by_chance(answer)
    if not waiting and not by_chance:
        return diagnosis
    notes = []
    replaced = {name for name in waiting if answer.ids.get(name) in elsewhere.idle}
    if replaced:
        notes.append(IN_NO_MODULE.told(count=len(replaced), total=len(diagnosis.wrt)))
    if waiting - replaced:
        notes.append(NOT_THEIR_TURN.told(count=len(waiting - replaced), total=len(diagnosis.wrt)))
    if by_chance:
        notes.append(BY_CHANCE.told(count=len(by_chance), total=len(diagnosis.wrt)))
    waiting |= by_chance
    only_replaced = bool(answer.ids) and elsewhere.idle.issuperset(answer.ids.values())
    findings = []
    for finding in diagnosis.findings:
        left = tuple(name for name in finding.tensors if name not in waiting)
        of_them = finding.tensors or only_replaced  # a loss is dead for tensors that nothing uses
        if finding.kind != "non_finite" and of_them and finding.severity == "error":
            finding = replace(finding, tensors=left or finding.tensors, severity="error" if left else "note")
        findings.append(finding)
    unreached = tuple(name for name in diagnosis.unreached if name not in waiting)
    zero = tuple(name for name in diagnosis.zero if name not in waiting)
    errors = [finding for finding in findings if finding.severity == "error"]
    excused = replace(
        diagnosis,
        ok=not ((diagnosis.dead and not only_replaced) or unreached or errors),
        unreached=unreached,
        zero=zero,
        notes=(*notes, *diagnosis.notes),
    )
    # stable: errors first, each group as the data flows
    order = sorted(range(len(findings)), key=lambda place: findings[place].severity != "error")
    return with_findings(excused, [(place, findings[place]) for place in order])
