"""What the page of a comparison says in words: what its arms are, what each experiment is, which fix helped."""

from __future__ import annotations

from gradcheck_lm.draw.view import cut_of
from gradcheck_lm.lab.comparing.compare import Comparison
from gradcheck_lm.lab.comparing.experiments import ArmOutcome
from gradcheck_lm.lab.config import AGAIN, ComparisonConfig
from gradcheck_lm.lab.measuring.metrics import bootstrap_interval

Texts = tuple[str, str, str, str]  # title, description, both in Japanese

ARMS = (
    "An arm is one way of training: all arms begin with the same recogniser, on the same lines, with the same random "
    "numbers, and differ in the penalty alone. 'ctc' has none and is what the others are held against. The penalties "
    "are this package's own, so lines in gradcheck_lm/ are named; 'argmax' is broken on purpose, as people write it."
)
ARMS_JA = (
    "アームとは、学習のしかた 1 つのことです。どのアームも同じ認識器・同じ行・同じ乱数から始まり、"
    "違うのはペナルティだけです。"
    "「ctc」にはペナルティがなく、ほかのアームと比べる基準です。ペナルティはこのパッケージのものなので、"
    "gradcheck_lm/ の行が示されます。「argmax」は、よくある書き方のまま、わざと壊してあります。"
)
# {lines}: where the lines are from
EXPERIMENTS: dict[str, Texts] = {
    "with_labels": (
        "With labels: CTC + 0.1 x penalty",
        "As in the story, on {lines} with their transcripts. The steps are few and the fixed arms' "
        "differences to CTC alone are mostly noise: with enough labels a language-model penalty is not expected to "
        "lower the error rate.",
        "ラベルあり: CTC + 0.1 × ペナルティ",
        "物語のとおりの設定です ({lines}を正解つきで使います)。"
        "ステップ数が少ないため、直した損失と CTC だけの差はほぼノイズです。",
    ),
    "new_hand": (
        "A new hand, no labels: the language model is the only teacher",
        "The same lines without their transcripts; the penalty in nats per character, held by KL to the starting "
        "reading. 'ctc' is the recogniser as it was, with the anchor alone; 'batchnorm_only' is the control without "
        "any loss.",
        "新しい筆跡、ラベルなし: 教師は言語モデルだけ",
        "同じ行を正解なしで使います。「ctc」は元の認識器 (アンカーだけ)、「batchnorm_only」は損失なしの対照です。",
    ),
}
_NO_FIXES = ("ctc", AGAIN, "batchnorm_only", "argmax")  # what fixes are held against, and the broken arm


def experiments_of(config: ComparisonConfig) -> dict[str, Texts]:
    """Titles and descriptions of a comparison's experiments, for a synthetic hand or for lines of one's own."""
    if config.data is None:
        return {name: _filled(texts, "lines of the new hand", "新しい筆跡の行") for name, texts in EXPERIMENTS.items()}
    own = {
        name: _filled(texts, f"lines of {config.data}", f"{config.data} の行") for name, texts in EXPERIMENTS.items()
    }
    _, description, _, description_ja = own["new_hand"]
    title, title_ja = "No labels: the language model is the only teacher", "ラベルなし: 教師は言語モデルだけ"
    return own | {"new_hand": (title, description, title_ja, description_ja)}


def _filled(texts: Texts, lines: str, lines_ja: str) -> Texts:
    title, description, title_ja, description_ja = texts
    return title, description.replace("{lines}", lines), title_ja, description_ja.replace("{lines}", lines_ja)


def percent(value: float | None) -> str:
    """A fraction as a percentage with one decimal; a dash where there is none."""
    return "-" if value is None else f"{100 * value:.1f}"


def verdict(found: Comparison) -> str:
    """One sentence on the broken arm; the line of code itself stands below it on the page."""
    diagnosis = found.diagnoses.get("argmax")
    if diagnosis is None or not diagnosis.findings:
        return found.verdict
    first = cut_of(diagnosis.findings[0], 1)
    return (
        f"The language-model penalty teaches the argmax arm nothing: its gradient stops at {first.place} "
        f"({first.code} {first.kind})."
    )


def verdict_ja(found: Comparison) -> str:
    """The verdict in Japanese."""
    diagnosis = found.diagnoses.get("argmax")
    if diagnosis is None or not diagnosis.findings:
        return ""
    first = cut_of(diagnosis.findings[0], 1)
    return (
        f"argmax 版の言語モデル損失からは何も学習されません。勾配は {first.place} の {first.op} "
        f"({first.kind}) で切断されています。"
    )


def helped(found: Comparison, language: str = "en") -> str:
    """Which fix lowered the error rate below that of `ctc`, and by how much; or that none did, beyond what chance does.

    Paired over lines, and for the best of several: the interval is so wide that it holds for all of them at once.
    """
    said = [_helped(found.outcomes[name], name, language) for name in ("new_hand", "with_labels")]
    return (" " if language == "en" else "").join(filter(None, said))


def _helped(outcomes: dict[str, ArmOutcome], experiment: str, language: str) -> str:
    fixes = {name: outcome.after.characters for name, outcome in outcomes.items() if name not in _NO_FIXES}
    if not fixes:
        return ""
    alone, count = outcomes["ctc"].after.characters, len(fixes)
    best = min(fixes, key=lambda name: fixes[name].rate)
    low, high = bootstrap_interval(alone, fixes[best], level=1 - 0.05 / count)  # Bonferroni
    after, base = percent(fixes[best].rate), percent(alone.rate)
    interval = f"{100 * low:+.1f} .. {100 * high:+.1f}"
    if language == "ja":
        where = "ラベルなしでは" if experiment == "new_hand" else "ラベルありでは"
        what = f"最も効いた修正は {best} です" if high < 0 else f"偶然を超えて効いた修正はありません (最良は {best})"
        chosen = f"差の 95 % 区間: {interval} ポイント、{count} 個中の最良"
        return f"{where}、{what}。CER は {after} %、ctc は {base} % ({chosen})。"
    where = "Without labels" if experiment == "new_hand" else "With labels"
    what = f"{best} helped most" if high < 0 else f"no fix lowered the error rate beyond chance; the best was {best}"
    chosen = f"95 % of the difference, for the best of {count}: {interval} points"
    return f"{where}, {what}: CER {after} %, where ctc ended at {base} % ({chosen})."
