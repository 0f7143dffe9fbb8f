"""A diagnosis in sentences, English and Japanese: what the terminal, the pictures and the page say alike."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding, Term
from gradcheck_lm.flow.findings.paths import short_path


def verdict(diagnosis: Diagnosis, language: str = "en") -> str:
    """The whole diagnosis in one or two sentences; `language` is "en" or "ja"."""
    return _verdict_ja(diagnosis) if language == "ja" else _verdict_en(diagnosis)


def _verdict_en(diagnosis: Diagnosis) -> str:
    total = wrt_count(diagnosis)
    if diagnosis.ok:
        return _flows_en(diagnosis, total)
    if (step := first_of_the_step(diagnosis)) is not None and not _starves(diagnosis):
        return f"Gradients arrive, and what becomes of them is wrong: {step.title}, at {_brief(step)}."
    dead = [term.name for term in diagnosis.terms.values() if term.dead]
    alive = [term.name for term in diagnosis.terms.values() if not term.dead]
    first = first_cut(diagnosis)
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
    return f"{' and '.join(parts) or 'A gradient is lost'}.{cause}"


def _flows_en(diagnosis: Diagnosis, total: int) -> str:
    idle = len({*diagnosis.unreached, *diagnosis.zero})
    if idle:
        rest = (
            f"{total - idle} of {total} tensors asked about get a gradient that is not zero, the others are told below"
        )
    else:
        every = "The one tensor asked about gets" if total == 1 else f"All {total} tensors asked about get"
        rest = f"{every} a gradient that is not zero"
    return f"The gradient flows: {rest}, and no loss term is dead.{_warned_en(diagnosis)}"


def _warned_en(diagnosis: Diagnosis) -> str:
    warnings = [finding for finding in diagnosis.findings if finding.severity == "warning"]
    if not warnings:
        return ""
    return f" Very likely not meant: {warnings[0].title}, at {_brief(warnings[0])}."


def first_of_the_step(diagnosis: Diagnosis) -> Finding | None:
    """The first error that lies between backward() and the next step."""
    return next((one for one in diagnosis.findings if one.severity == "error" and is_of_the_step(one)), None)


def is_of_the_step(finding: Finding) -> bool:
    """Whether it tells what becomes of gradients that arrive."""
    return finding.code.startswith("GF7")


def _starves(diagnosis: Diagnosis) -> bool:
    return any(finding.severity == "error" and not is_of_the_step(finding) for finding in diagnosis.findings)


def _verdict_ja(diagnosis: Diagnosis) -> str:
    total = wrt_count(diagnosis)
    if diagnosis.ok:
        idle = len({*diagnosis.unreached, *diagnosis.zero})
        every = f"対象の {total} 個のテンソルすべてが 0 でない勾配を受け取り"
        if idle:
            every = f"対象の {total} 個のテンソルのうち {total - idle} 個が 0 でない勾配を受け取り(残りは下に示します)"
        return f"勾配は届いています: {every}、死んだ損失項はありません。"
    if (step := first_of_the_step(diagnosis)) is not None and not _starves(diagnosis):
        return f"勾配は届いていますが、その後の扱いに誤りがあります: {title_ja(step)}({_brief(step)})。"
    dead = [term.name for term in diagnosis.terms.values() if term.dead]
    alive = [term.name for term in diagnosis.terms.values() if not term.dead]
    first = first_cut(diagnosis)
    cause = f" 最初の切断は {_brief(first)} の {first.op or first.kind} です。" if first else ""
    if dead:
        rest = f"(学習に効いているのは {'、'.join(alive)} だけです)" if alive else ""
        return f"{'、'.join(dead)} は死んでいます: 対象の {total} 個のテンソルのどれにも勾配が届きません{rest}。{cause}"
    parts = []
    if diagnosis.unreached:
        parts.append(f"{total} 個のうち {len(diagnosis.unreached)} 個のテンソルに勾配が届きません")
    if diagnosis.zero:
        parts.append(f"{len(diagnosis.zero)} 個の勾配は厳密に 0 です")
    if not parts and first is not None and first.kind == "wrong_value":
        return f"勾配は届きますが値が誤っています: {_brief(first)} の {first.op}。"
    return f"{'。'.join(parts) or '勾配が失われています'}。{cause}"


def title_ja(finding: Finding) -> str:
    """The title of a finding's kind in Japanese."""
    return KINDS[finding.kind].heading.say("ja") if finding.kind in KINDS else finding.kind


def first_cut(diagnosis: Diagnosis) -> Finding | None:
    """The first finding that starves something, as the data flows."""
    errors = (finding for finding in diagnosis.findings if finding.severity == "error")
    return next((finding for finding in errors if not is_of_the_step(finding)), None)


def wrt_count(diagnosis: Diagnosis) -> int:
    """How many tensors were asked about."""
    if diagnosis.wrt:
        return len(diagnosis.wrt)
    names = {node.label for node in diagnosis.graph.nodes if node.role == "wrt"}
    reached = {name for term in diagnosis.terms.values() for name in term.reaches}
    return len(names | reached | set(diagnosis.unreached) | set(diagnosis.zero))


def term_verdict(term: Term) -> str:
    """One word or two on a loss term."""
    if not term.dead:
        return "alive"
    return "DEAD: requires_grad is no proof" if term.requires_grad else "DEAD"


def place(finding: Finding) -> str:
    """file:line, as short as it can be clicked."""
    return f"{short_path(finding.file)}:{finding.line}" if finding.file else "(unknown line)"


def _brief(finding: Finding) -> str:
    # the file's name is enough in a sentence: the finding itself stands below with its path
    return f"{Path(finding.file).name}:{finding.line}" if finding.file else "an unknown line"


def number(value: float | None) -> str:
    """A measured number in three digits; exactly 0 is "0", unknown is empty."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if 0.01 <= abs(value) < 1000 else f"{value:.2e}"


def by_module(names: Iterable[str], most: int = 8) -> list[tuple[str, list[str]]]:
    """Dotted names grouped by module, with the deepest grouping that has at most `most` groups."""
    listed = list(names)
    deepest = max((name.count(".") for name in listed), default=0)
    for depth in range(deepest, 0, -1):
        groups: dict[str, list[str]] = {}
        for name in listed:
            module = name.rpartition(".")[0]
            groups.setdefault(".".join(module.split(".")[:depth]) or name, []).append(name)
        if len(groups) <= most or depth == 1:
            return list(groups.items())
    return [(name, [name]) for name in listed]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def few(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
