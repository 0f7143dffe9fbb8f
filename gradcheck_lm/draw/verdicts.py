"""A diagnosis, or the report of watched steps, in one or two sentences, English and Japanese."""

from __future__ import annotations

from gradcheck_lm.draw.japanese import heading_ja
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding
from gradcheck_lm.flow.findings.paths import brief
from gradcheck_lm.flow.stepping.report import StepReport


def verdict(diagnosis: Diagnosis, language: str = "en") -> str:
    """The whole diagnosis in one or two sentences; `language` is "en" or "ja"."""
    return _verdict_ja(diagnosis) if language == "ja" else _verdict_en(diagnosis)


def step_verdict(report: StepReport, language: str = "en") -> str:
    """What is wrong with watched steps, first things first, and what was watched."""
    japanese = language == "ja"
    first = next((one for one in report.findings if one.severity == "error"), None)
    sentences = []
    if first is None:
        if report.ledger.steps():
            sentences.append("届いた勾配は使われています。" if japanese else "What arrives is used.")
    elif is_of_the_step(first):
        sentences.append(_of_the_step_ja(first) if japanese else _of_the_step_en(first))
    else:
        broken = next((one for one in report.diagnoses if first in one.findings), None)
        sentences += [verdict(broken, language)] if broken is not None and not broken.ok else []
    watched = [
        (holder.name, len([step for step in report.ledger.steps(index) if not step.skipped]))
        for index, holder in enumerate(report.ledger.holders)
    ]
    if watched and japanese:
        sentences.append(
            "観察したもの: " + "、".join(f"{name} のステップ {count} 回" for name, count in watched) + "。"
        )
    elif watched:
        sentences.append("Watched: " + ", ".join(f"{name} stepped {_times(count)}" for name, count in watched) + ".")
    return (" " if not japanese else "").join(sentences)


def is_of_the_step(finding: Finding) -> bool:
    """Whether it tells what becomes of gradients that arrive."""
    return finding.code.startswith("GF7")


def title_of(finding: Finding, language: str) -> str:
    """The title of a finding's kind; a kind that is not known is its own title."""
    return KINDS[finding.kind].heading.say(language) if finding.kind in KINDS else finding.kind


def asked_count(diagnosis: Diagnosis) -> int:
    """How many tensors were asked about."""
    if diagnosis.wrt:
        return len(diagnosis.wrt)
    names = {node.label for node in diagnosis.graph.nodes if node.role == "wrt"}
    reached = {name for term in diagnosis.terms.values() for name in term.reaches}
    return len(names | reached | set(diagnosis.unreached) | set(diagnosis.zero))


def _verdict_en(diagnosis: Diagnosis) -> str:
    total = asked_count(diagnosis)
    if diagnosis.ok:
        return _flows_en(diagnosis, total)
    if (step := _first_of_the_step(diagnosis)) is not None and _first_cut(diagnosis) is None:
        return _of_the_step_en(step)
    dead = [term.name for term in diagnosis.terms.values() if term.dead]
    alive = [term.name for term in diagnosis.terms.values() if not term.dead]
    first = _first_cut(diagnosis)
    cause = f" The first cut is {first.op or first.kind} at {_brief(first)}." if first else ""
    if dead:
        subject = _listed(dead) + (" are" if len(dead) > 1 else " is")
        whom = "the tensor" if total == 1 else f"any of the {total} tensors"
        rest = f" (only {_listed(alive)} trains them)" if alive else ""
        return f"{subject} dead: no gradient from there reaches {whom} asked about{rest}.{cause}"
    parts = []
    if diagnosis.unreached:
        parts.append(f"{len(diagnosis.unreached)} of {total} tensors asked about get no gradient")
    if diagnosis.zero:
        parts.append(f"{len(diagnosis.zero)} of {total} get a gradient of exactly 0")
    if not parts and first is not None and first.kind == "wrong_value":
        return f"A gradient arrives with a wrong value, made by {first.op} at {_brief(first)}."
    if not parts and first is not None and first.kind == "non_finite":
        return f"The gradient holds NaN or infinity: first {first.op or 'seen'} at {_brief(first)}."
    return f"{' and '.join(parts) or 'A gradient is lost'}.{cause}"


def _flows_en(diagnosis: Diagnosis, total: int) -> str:
    fed = _fed(diagnosis, total)
    if fed < total:
        rest = f"{fed} of {total} tensors asked about get a gradient that is not zero, the others are told below"
    else:
        every = "The one tensor asked about gets" if total == 1 else f"All {total} tensors asked about get"
        rest = f"{every} a gradient that is not zero"
    warned = _first_warning(diagnosis)
    suspected = f" Very likely not meant: {warned.title}, at {_brief(warned)}." if warned is not None else ""
    if not total and not diagnosis.terms:
        return f"No backward() ran: there is no loss to follow.{suspected}"
    return f"The gradient flows: {rest}, and no loss term is dead.{suspected}"


def _fed(diagnosis: Diagnosis, total: int) -> int:
    """How many tensors get a gradient that is not zero; zeros by construction, of which a note tells, get none."""
    reached = {name for term in diagnosis.terms.values() for name in term.reaches}
    return min(len(reached) if reached else total, total - len({*diagnosis.unreached, *diagnosis.zero}))


def _of_the_step_en(step: Finding) -> str:
    return f"Gradients arrive, and what becomes of them is wrong: {title_of(step, 'en')}, at {_brief(step)}."


def _verdict_ja(diagnosis: Diagnosis) -> str:
    total = asked_count(diagnosis)
    if diagnosis.ok:
        return _flows_ja(diagnosis, total)
    if (step := _first_of_the_step(diagnosis)) is not None and _first_cut(diagnosis) is None:
        return _of_the_step_ja(step)
    dead = [term.name for term in diagnosis.terms.values() if term.dead]
    alive = [term.name for term in diagnosis.terms.values() if not term.dead]
    first = _first_cut(diagnosis)
    cause = f"最初の切断は {_brief_ja(first)} の {heading_ja(first.op or first.kind)} です。" if first else ""
    if dead:
        rest = f"(学習に効いているのは {'、'.join(alive)} だけです)" if alive else ""
        return f"{'、'.join(dead)} の勾配は、対象の {total} 個のテンソルのどれにも届きません{rest}。{cause}"
    parts = []
    if diagnosis.unreached:
        parts.append(f"{total} 個のうち {len(diagnosis.unreached)} 個のテンソルに勾配が届きません")
    if diagnosis.zero:
        parts.append(f"{len(diagnosis.zero)} 個の勾配は厳密に 0 です")
    if not parts and first is not None and first.kind == "wrong_value":
        return f"勾配は届きますが値が誤っています: {_brief_ja(first)} の {first.op}。"
    if not parts and first is not None and first.kind == "non_finite":
        return f"勾配に NaN または無限大が含まれています: 最初は {_brief_ja(first)} の {first.op or first.kind}。"
    return f"{'。'.join(parts) or '勾配が失われています'}。{cause}"


def _flows_ja(diagnosis: Diagnosis, total: int) -> str:
    fed = _fed(diagnosis, total)
    every = f"対象の {total} 個のテンソルすべてが 0 でない勾配を受け取り"
    if fed < total:
        every = f"対象の {total} 個のテンソルのうち {fed} 個が 0 でない勾配を受け取り(残りは下に示します)"
    warned = _first_warning(diagnosis)
    suspected = f"意図しないと思われる箇所があります: {title_of(warned, 'ja')}({_brief_ja(warned)})。" if warned else ""
    if not total and not diagnosis.terms:
        return f"backward() は一度も呼ばれず、調べる損失がありません。{suspected}"
    return f"勾配は届いています: {every}、勾配の届かない損失項はありません。{suspected}"


def _of_the_step_ja(step: Finding) -> str:
    return f"勾配は届いていますが、その後の扱いに誤りがあります: {title_of(step, 'ja')}({_brief_ja(step)})。"


def _first_of_the_step(diagnosis: Diagnosis) -> Finding | None:
    return next((one for one in diagnosis.findings if one.severity == "error" and is_of_the_step(one)), None)


def _first_cut(diagnosis: Diagnosis) -> Finding | None:
    """The first finding that starves something, as the data flows; where a term is dead, the first on its own way."""
    cuts = [one for one in diagnosis.findings if one.severity == "error" and not is_of_the_step(one)]
    dead = [term.name for term in diagnosis.terms.values() if term.dead]
    own = [one for one in cuts if one.term in dead or not one.tensors]
    return next(iter(own if dead and own else cuts), None)


def _first_warning(diagnosis: Diagnosis) -> Finding | None:
    return next((one for one in diagnosis.findings if one.severity == "warning"), None)


def _brief(finding: Finding) -> str:
    # the file's name is enough in a sentence: the finding itself stands below with its path
    return brief(finding.file, finding.line) if finding.line else "an unknown line"


def _brief_ja(finding: Finding) -> str:
    return brief(finding.file, finding.line) if finding.line else "行は不明"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")
