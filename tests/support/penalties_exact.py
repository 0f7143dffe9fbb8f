"""The exact gradient of one line's expected penalty, by brute force, and estimators held against it."""

from __future__ import annotations

import torch
from penalties_fakes import TableLM, all_paths, generator, random_logits, spell

from gradcheck_lm.htr.charset import Charset

LABEL = "ab"
# 12 to 16 coordinates; chance of a false alarm with Bonferroni is at most 16 * 2 * Phi(-4.5) = 1.1e-4
THRESHOLD = 4.5


def problem(frames=4, classes=3, seed=0, scale=1.0):
    """Logits (T, 1, C) and their charset; texts cost what TableLM says, which is no sum over characters."""
    return random_logits(frames, 1, classes, seed=seed, scale=scale), Charset("abc"[: classes - 1])


def penalty_of(text, objective="hinge"):
    if not text:
        return 0.0
    if objective == "sum":
        return len(text) * TableLM().of(text)
    return TableLM().of(text) if objective == "score" else max(0.0, TableLM().of(text) - TableLM().of(LABEL))


def exact_expectation(logits, objective="hinge", frames=None):
    """Value and gradient (T * C,) of the expected penalty of one line, by brute force over all paths."""
    logits = logits.detach().clone().requires_grad_()
    frames = logits.shape[0] if frames is None else frames
    paths = all_paths(frames, logits.shape[2])
    probability = logits[:frames, 0].log_softmax(-1).gather(1, paths).sum(0).exp()
    cost = torch.tensor([penalty_of(spell(path), objective) for path in paths.T.tolist()], dtype=torch.float64)
    value = (probability * cost).sum()
    return value.detach(), torch.autograd.grad(value, logits)[0].flatten()


def exact_gradient(logits):
    """(T * C,) gradient of the expected hinge of one line."""
    return exact_expectation(logits)[1]


def per_line(penalty, logits, lines, labels=True):
    """(lines, T * C): the estimator's gradient for each of `lines` copies of one line, and its output."""
    copies = logits.detach().expand(-1, lines, -1).clone().requires_grad_()
    out = penalty(copies, [LABEL] * lines if labels else None, generator=generator(7))
    (gradient,) = torch.autograd.grad(out.loss, copies)
    return lines * gradient.transpose(0, 1).flatten(1), out


def per_line_gradients(penalty, logits, lines):
    return per_line(penalty, logits, lines)[0]


def z_scores(cls, logits, charset, exact, lines=12_000, **options):
    gradients = per_line_gradients(cls(TableLM(), charset, **options), logits, lines)
    error = gradients.std(0) / lines**0.5
    return (gradients.mean(0) - exact) / error


def worst_z(cls, logits, charset, lines=12_000, **options):
    return z_scores(cls, logits, charset, exact_gradient(logits), lines, **options).abs().max()
