"""What a diagnosis says, in Japanese: findings and notes by what they are made of, headings by a list."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Wording
from gradcheck_lm.flow.findings.messages import in_language
from gradcheck_lm.flow.findings.model import KINDS, Finding


def wording_ja(finding: Finding) -> Wording:
    """A finding in Japanese; a sentence that is nobody's but this finding's stays as it is."""
    kind = KINDS.get(finding.kind)
    own = Wording(finding.title, finding.why, tuple(finding.cures))
    if kind is None:
        return own
    values = dict(finding.values)
    try:
        english, japanese = kind.say(finding.cause, values), kind.say(finding.cause, values, "ja")
    except KeyError:  # read from a file that another version wrote
        return Wording(kind.heading.ja, own.why, own.cures)
    why = japanese.why if own.why == english.why else own.why
    cures = japanese.cures if own.cures == english.cures else own.cures
    return Wording(japanese.title, why, cures)


def sentence_ja(note: str) -> str:
    """A note in Japanese; one that is not the debugger's own stays as it is."""
    return in_language(note, "ja")


def heading_ja(text: str) -> str:
    """A heading of a column or a chart, or a word in a table, in Japanese; names stay as they are."""
    if text.endswith(", by module"):
        return text.removesuffix(", by module") + "(モジュール別)"
    return HEADINGS_JA.get(text, text)


HEADINGS_JA = {
    "arm": "手法",
    "CER %": "CER %",
    "CER % before": "CER % 前",
    "before": "前",
    "after": "後",
    "change, 95 %": "変化 (95 % 区間)",
    "LM nats/char": "LM nat/文字",
    "length": "長さの比",
    "LM gradient": "LM 勾配",
    "cosine": "コサイン",
    "weights": "重み",
    "s/step": "秒/ステップ",
    "Reading a new hand": "新しい筆跡の読み取り",
    "Penalty of the batch": "バッチのペナルティ",
    "Gradient of the penalty": "ペナルティの勾配",
    "step": "ステップ",
    "gradient norm": "勾配ノルム",
    "gradient norm of lm": "lm の勾配ノルム",
    "gradient norm of ctc": "ctc の勾配ノルム",
    "norm at the recogniser": "認識器での勾配ノルム",
    "CER in %, 95 % interval of its change": "CER % と変化の 95 % 区間",
    "nats per character, 95 % interval over lines": "nat/文字 と行に関する 95 % 区間",
    "= CTC alone": "= CTC だけ",
    "differ": "異なる",
    "moved": "動いた",
    "unmoved": "動かない",
    "Python value": "Python の値",
    "an operation in place": "in-place の書き込み",
}
