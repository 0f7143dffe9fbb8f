"""What equality to the bit proves: CTC run twice, and the broken arm beside it, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gradcheck_lm.lab.config import AGAIN


def same_bits(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the second run of CTC, and argmax, ended with the weights of CTC alone, and what follows.

    Args:
        arms: each arm's figures in the experiment with labels.
    Returns:
        For JSON: "ctc_again" and "argmax" (None where it was not run), "words" and "words_ja".
    """
    again = bool(arms[AGAIN]["identical_to_ctc_only"])
    argmax = bool(arms["argmax"]["identical_to_ctc_only"]) if "argmax" in arms else None
    found: dict[str, Any] = {AGAIN: again, "argmax": argmax}
    words, words_ja = _repeatable(argmax) if again else _not_repeatable(arms[AGAIN]["difference_to_ctc_only"], argmax)
    return {**found, "words": words, "words_ja": words_ja}


def _repeatable(argmax: bool | None) -> tuple[str, str]:
    words = "CTC alone, trained a second time from the same seed, ended with the same weights to the bit (ctc_again)."
    words_ja = "CTC だけの学習を同じシードでもう一度行うと、重みはビット単位で一致しました (ctc_again)。"
    if argmax is None:
        return words, words_ja
    if argmax:
        return (
            f"{words} So did CTC with the broken penalty (argmax): the penalty changed nothing.",
            f"{words_ja}壊れたペナルティを加えた argmax も一致しました。つまりペナルティは何も変えていません。",
        )
    return (
        f"{words} CTC with the broken penalty (argmax) ended with others: something of that arm moved the weights.",
        f"{words_ja}しかし argmax の重みは一致しません。この版の何かが重みを動かしました。",
    )


def _not_repeatable(difference: float, argmax: bool | None) -> tuple[str, str]:
    words = (
        "CTC alone, trained a second time from the same seed, ended with other weights (ctc_again; largest difference "
        f"{difference:.2g}): this device, with these settings, does not compute the same bits twice, or a part of "
        "this folder was computed on another one."
    )
    words_ja = (
        "CTC だけの学習を同じシードでもう一度行うと、重みが一致しませんでした "
        f"(ctc_again、最大の差 {difference:.2g})。この装置とこの設定では、同じ計算が同じビットになりません "
        "(または、このフォルダの一部は別の装置で計算されました)。"
    )
    if argmax is None:
        return words, words_ja
    said, said_ja = ("equal", "等しい") if argmax else ("not equal", "等しくない")
    return (
        f"{words} That the weights of argmax are {said} to those of CTC therefore proves nothing here; its gradient of "
        "exactly 0 and the debugger's findings do not depend on it.",
        f"{words_ja}したがって argmax の重みが CTC と{said_ja}ことは、ここでは何の証明にもなりません。"
        "勾配がちょうど 0 であることとデバッガの診断は、これに左右されません。",
    )
