"""The language-model penalty of a CTC recogniser, and one file for each way of getting its gradient.

penalty = make_penalty("policy_gradient", language_model, charset, samples=4)
out = penalty(logits, transcripts)
(ctc + 0.1 * out.loss).backward()
"""

from __future__ import annotations

from typing import Any

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.argmax import Argmax
from gradcheck_lm.penalties.base import REDUCTIONS, Penalty, PenaltyOutput
from gradcheck_lm.penalties.exact.ngram_expectation import NgramExpectation
from gradcheck_lm.penalties.gumbel_softmax import GumbelSoftmax
from gradcheck_lm.penalties.hidden_states import HiddenStates
from gradcheck_lm.penalties.listed.minimum_risk import MinimumRisk
from gradcheck_lm.penalties.listed.nbest_ctc import NbestCtc
from gradcheck_lm.penalties.objective import OBJECTIVES, Objective
from gradcheck_lm.penalties.sampled.local_expectation import LocalExpectation
from gradcheck_lm.penalties.sampled.policy_gradient import PolicyGradient
from gradcheck_lm.penalties.sampled.policy_gradient_path import PolicyGradientPath
from gradcheck_lm.penalties.sampled.relax import Relax
from gradcheck_lm.penalties.soft_embedding import SoftEmbedding
from gradcheck_lm.penalties.straight_through import StraightThrough

PENALTIES: dict[str, type[Penalty]] = {
    penalty.name: penalty
    for penalty in (
        Argmax,
        SoftEmbedding,
        GumbelSoftmax,
        StraightThrough,
        PolicyGradient,
        PolicyGradientPath,
        MinimumRisk,
        NbestCtc,
        LocalExpectation,
        NgramExpectation,
        Relax,
        HiddenStates,
    )
}
"""Every penalty by name; each has `.kind` ("none", "biased", "unbiased", "exact", or
"other" for another objective) and a one-line `.summary`."""


def make_penalty(
    name: str,
    language_model: Any,
    charset: Characters,
    *,
    objective: str = "hinge",
    reduction: str = "mean",
    **options: Any,
) -> Penalty:
    """Make a penalty by name.

    Args:
        name: a key of PENALTIES.
        language_model: anything with `score(texts) -> (N,) nats per token`; some penalties need `score_soft` as well.
        charset: the recogniser's characters.
        objective: what f is: "hinge" (the story's), "score", "ratio" (for lines without labels), or "sum".
        reduction: "mean" over lines, or the story's "positive_mean".
        options: the penalty's own, for instance samples=4; and `seed` of its own generator.
    Returns:
        A Penalty: `penalty(logits, transcripts, lengths=None, generator=None)` gives a PenaltyOutput.
    Raises:
        ArgumentError: an unknown name, option, objective or reduction (the message lists what there is), or an option
            out of range.
        LanguageModelError: the penalty needs `score_soft`, which the language model lacks.
    """
    if name not in PENALTIES:
        raise ArgumentError(f"no penalty is called {name!r}; there are {', '.join(sorted(PENALTIES))}.")
    penalty = PENALTIES[name]
    known = penalty.options()
    for option in options:
        if option not in known:
            listed = ", ".join(f"{key}={value!r}" for key, value in known.items())
            raise ArgumentError(f"{name} has no option {option!r}; its options and their defaults are {listed}.")
    return penalty(language_model, charset, objective=objective, reduction=reduction, **options)


__all__ = ["OBJECTIVES", "PENALTIES", "REDUCTIONS", "Objective", "Penalty", "PenaltyOutput", "make_penalty"]
