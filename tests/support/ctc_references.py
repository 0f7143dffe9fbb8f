"""What the CTC operations are held against: the story's loop and enumeration of all paths."""

from __future__ import annotations

import itertools

import torch

from gradcheck_lm.htr.charset import Charset

ABC = Charset("abc")


def random_logits(*shape, seed=0, dtype=torch.float64, scale=1.5):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def collapse(path):
    return tuple(k for i, k in enumerate(path) if k and (i == 0 or path[i - 1] != k))


def story_decode(logits, charset):
    """The story's way: argmax, NumPy, a Python loop."""
    paths = logits.argmax(2).permute(1, 0).cpu().numpy()
    return ["".join(charset.characters[k - 1] for k in collapse(row.tolist())) for row in paths]


def enumerate_strings(log_probs):
    """{string: log p} for one line, (T, C) log-probabilities, by brute force over all paths."""
    total = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=log_probs.shape[0]):
        total.setdefault(collapse(path), []).append(sum(log_probs[t, k] for t, k in enumerate(path)))
    return {string: torch.stack(terms).logsumexp(0) for string, terms in total.items()}


def padded(strings):
    ids = torch.zeros(len(strings), max((len(s) for s in strings), default=0), dtype=torch.long)
    for row, string in enumerate(strings):
        ids[row, : len(string)] = torch.tensor(string, dtype=torch.long)
    return ids, torch.tensor([len(s) for s in strings])
