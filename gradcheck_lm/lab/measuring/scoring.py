"""How a reading changed: what `adapt` reports, for readings of any recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gradcheck_lm.lab.measuring.metrics import bootstrap_interval, character_errors
from gradcheck_lm.lab.measuring.reading import nats_per_character
from gradcheck_lm.lm import AnyLanguageModel


@dataclass(frozen=True)
class ReadingChange:
    """changed: lines that are read differently; lm_before, lm_after: nats per character of what was read;
    length_ratio: characters after over before; CERs and the 95 % interval of their difference where labels are known.
    """

    changed: int
    lm_before: float
    lm_after: float
    length_ratio: float
    cer_before: float | None = None
    cer_after: float | None = None
    cer_interval: list[float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return asdict(self)


def score_change(
    before: Sequence[str], after: Sequence[str], texts: Sequence[str] | None, language_model: AnyLanguageModel
) -> ReadingChange:
    """Hold two readings of the same lines against each other.

    Args:
        before, after: N readings each.
        texts: N labels, or None where nobody knows them; they decide nothing but the error rates.
        language_model: what scores the readings.
    """
    figures: dict[str, Any] = {}
    if texts is not None:
        errors = character_errors(list(texts), list(before)), character_errors(list(texts), list(after))
        figures = {
            "cer_before": errors[0].rate,
            "cer_after": errors[1].rate,
            "cer_interval": list(bootstrap_interval(*errors)),
        }
    return ReadingChange(
        changed=sum(a != b for a, b in zip(before, after, strict=True)),
        lm_before=nats_per_character(language_model, list(before)),
        lm_after=nats_per_character(language_model, list(after)),
        length_ratio=sum(map(len, after)) / max(1, sum(map(len, before))),
        **figures,
    )
