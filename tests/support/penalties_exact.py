"""The exact gradient of one line's expected penalty, by brute force, and estimators held against it."""

from __future__ import annotations

import torch
from penalties_fakes import TableLM, all_paths, generator, random_logits, spell

from gradcheck_lm.htr.charset import Charset

LABEL = "ab"
# chance of a false alarm of one z-test with Bonferroni over 12 coordinates: 12 * 2 * Phi(-4.5) = 8e-5
THRESHOLD = 4.5


def problem(frames=4, classes=3, seed=0, scale=1.0):
    return random_logits(frames, 1, classes, seed=seed, scale=scale), Charset("abc"[: classes - 1])


def penalty_of(text):
    return max(0.0, TableLM().of(text) - TableLM().of(LABEL)) if text else 0.0


def exact_gradient(logits):
    """(T * C,) gradient of the expected hinge of one line, by brute force over all paths."""
    logits = logits.detach().clone().requires_grad_()
    paths = all_paths(logits.shape[0], logits.shape[2])
    probability = logits[:, 0].log_softmax(-1).gather(1, paths).sum(0).exp()
    cost = torch.tensor([penalty_of(spell(path)) for path in paths.T.tolist()], dtype=torch.float64)
    return torch.autograd.grad((probability * cost).sum(), logits)[0][:, 0].flatten()


def per_line_gradients(penalty, logits, lines):
    """(lines, T * C): the estimator's gradient for each of `lines` copies of one line."""
    copies = logits.detach().expand(-1, lines, -1).clone().requires_grad_()
    out = penalty(copies, [LABEL] * lines, generator=generator(7))
    (gradient,) = torch.autograd.grad(out.loss, copies)
    return lines * gradient.transpose(0, 1).flatten(1)


def worst_z(cls, logits, charset, lines=12_000, **options):
    gradients = per_line_gradients(cls(TableLM(), charset, **options), logits, lines)
    error = gradients.std(0) / lines**0.5
    return ((gradients.mean(0) - exact_gradient(logits)) / error).abs().max()
