"""The course's terms in both languages: one English term has one Japanese term, everywhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODE = re.compile(r"`[^`]*`|\{[^}]*\}")  # values that are filled in are no prose either


@dataclass(frozen=True)
class Term:
    """A term of the field.

    Attributes:
        en: a regular expression for its English forms, matched as whole words, in any case.
        ja: what the Japanese text must then hold: one of these.
        never: Japanese variants that the course does not use.
    """

    en: str
    ja: tuple[str, ...]
    never: tuple[str, ...] = ()


TERMS = (
    Term(r"(?:computation(?:al)? )?graphs?", ("計算グラフ", "グラフ"), ("コンピュテーショングラフ",)),
    Term(r"computation(?:al)? graphs?", ("計算グラフ",)),
    Term(r"gradients?", ("勾配",), ("グラディエント",)),
    Term(
        r"backpropagations?|backward pass(?:es)?", ("逆伝播",), ("逆伝搬", "バックプロパゲーション", "バックプロップ")
    ),
    Term(r"forward pass(?:es)?", ("順伝播",), ("順伝搬", "フォワードパス")),
    Term(r"leaf(?: tensors?)?|leaves", ("葉テンソル", "葉"), ("末端テンソル",)),
    Term(r"false lea(?:f|ves)", ("偽の葉テンソル",)),
    Term(r"cuts?", ("切断", "切れ目", "切れ", "切る", "切り"), ("カット",)),
    Term(r"freez(?:e|es|ing)|frozen", ("凍結",), ("フリーズ", "固定化")),
    Term(r"tensors?", ("テンソル",), ("テンサー",)),
    Term(r"parameters?", ("パラメータ",), ("パラメーター", "母数")),
    Term(r"loss(?:es)?", ("損失",), ("ロス",)),
    Term(r"penalt(?:y|ies)", ("ペナルティ",), ("罰則", "ペナルティー")),
    Term(r"language models?", ("言語モデル",), ("ランゲージモデル",)),
    Term(r"recognisers?", ("認識器",), ("レコグナイザ",)),
    Term(r"weight decay", ("重み減衰",), ("ウェイトディケイ", "荷重減衰")),
    Term(r"weights?", ("重み",), ("ウェイト", "荷重")),
    Term(r"optimizers?", ("オプティマイザ",), ("オプティマイザー", "最適化器")),
    Term(r"finite differences?", ("有限差分",), ("差分法",)),
    Term(r"central differences?", ("中心差分",)),
    Term(r"slopes?", ("傾き",)),
    Term(r"staircases?", ("階段",)),
    Term(r"derivatives?", ("微分",)),
    Term(r"embeddings?", ("埋め込み",), ("エンベディング",)),
    Term(r"soft embeddings?", ("ソフト埋め込み",), ("軟埋め込み",)),
    Term(r"expectations?|expected values?", ("期待値",)),
    Term(r"temperatures?", ("温度",)),
    Term(r"probabilit(?:y|ies)", ("確率",)),
    Term(r"logits?", ("ロジット",), ("ロジッツ",)),
    Term(r"strings?", ("文字列",), ("ストリング",)),
    Term(r"collapses?|collapsed|collapsing", ("縮約",), ("コラプス",)),
    Term(r"blanks?", ("ブランク",), ("空白記号",)),
    Term(r"straight-through", ("STE", "Straight-Through"), ("直進推定", "ストレートスルー")),
    Term(r"policy gradients?", ("方策勾配",), ("ポリシー勾配",)),
    Term(r"baselines?", ("ベースライン",), ("基準線",)),
    Term(r"variances?", ("分散",)),
    Term(r"biased|bias", ("偏り", "バイアス"), ("バイアスド",)),
    Term(r"unbiased", ("不偏",)),
    Term(r"estimators?", ("推定量",), ("エスティメータ",)),
    Term(r"samples?|sampled|sampling", ("サンプル", "サンプリング"), ("標本",)),
    Term(r"noise|noisy|noisier", ("ノイズ",), ("雑音",)),
    Term(r"cosines?", ("コサイン",), ("余弦",)),
    Term(r"clip(?:s|ped|ping)?", ("クリッピング",)),
    Term(r"teaches the recogniser nothing", ("学習",), ("何も教えない", "何も教えません")),
    Term(r"dead terms?", ("勾配の届かない項",), ("死んだ項",)),
    Term(r"bridge[sd]?", ("つな",), ("橋",)),
    Term(r"paths?", ("経路", "パス")),
    Term(r"black box(?:es)?", ("ブラックボックス",)),
    Term(r"diagnos(?:is|es|e)", ("診断",)),
    Term(r"exercises?", ("演習",), ("エクササイズ", "練習問題")),
    Term(r"surrogates?", ("代理",), ("サロゲート",)),
)


def faults(*, ja: str, en: str) -> list[str]:
    """Where a pair of texts leaves the glossary; empty if nowhere. Code in backticks is no prose and is left out."""
    english, japanese = _CODE.sub(" ", en), _CODE.sub(" ", ja)
    found = []
    for term in TERMS:
        match = re.search(rf"(?<![\w-])(?:{term.en})(?![\w-])", english, re.IGNORECASE)
        if match and not any(word in japanese for word in term.ja):
            found.append(f"{match[0]!r} needs {' or '.join(term.ja)} in the Japanese text")
        found += [f"{word!r} is never used; write {term.ja[0]}" for word in term.never if _stands_alone(word, japanese)]
    return found


def _stands_alone(word: str, text: str) -> bool:
    """Whether a word occurs, and not inside a longer run of katakana: ロス is not in クロスエントロピー."""
    edge = "[ァ-ヶー]" if re.fullmatch("[ァ-ヶー]+", word) else "(?!)"
    return re.search(f"(?<!{edge}){re.escape(word)}(?!{edge})", text) is not None
