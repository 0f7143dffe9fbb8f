"""Words in the lessons' tables, in Japanese: heads of columns, names of rows, outcomes. Code stays as it is."""

from __future__ import annotations

from typing import Any

_JAPANESE = {
    "95 %": "95 % 区間", "CTC + penalty": "CTC + ペナルティ", "CTC marginal, mean of the others":
    "CTC の周辺確率、ほかのサンプルの平均", "BatchNorm in": "BatchNorm のモード",
    "after backward()": "backward() の結果", "all frames, soft": "全フレーム、ソフト",
    "autograd along a unit direction": "単位ベクトル方向の勾配(autograd)", "baseline": "ベースライン",
    "blank raised to": "ブランクを上げた割合", "boxes": "箱の数", "bridged": "橋を架けた切断", "bridged cut": "橋を架けた切断",
    "calls": "回数", "central difference": "中心差分", "certain frames give the collapsed string":
    "確実なフレームからは縮約した文字列が得られる", "change, 95 %": "変化、95 % 区間", "claims": "公称の性質", "code": "コード",
    "cosine": "コサイン類似度", "cosine to exact": "正しい勾配とのコサイン類似度", "cosine to the exact gradient":
    "正しい勾配とのコサイン類似度", "cut": "切断", "cuts": "切断の数", "diamonds": "ひし形の数", "distance to straight-through, relative":
    "STE との相対差", "embeddings off": "埋め込みのずれ", "error rate": "誤り率", "estimator": "推定量", "expected after":
    "期待値(後)", "expected before": "期待値(前)", "expected score": "スコアの期待値", "failed": "失敗", "finding": "診断",
    "finite differences of": "有限差分を取る関数", "first cut": "最初の切断", "first here": "ここでの一位", "fix": "手法",
    "fixed last": "最後に直した箇所", "fixed": "直した数", "form": "書き方", "formula": "式",
    "gradcheck of the surrogate": "代理の関数の gradcheck", "gradcheck of the surrogate, noise held fixed":
    "代理の関数の gradcheck(ノイズは固定)", "gradient arrives": "勾配が届くか", "gradient at the language model":
    "言語モデルの勾配", "gradient at the recogniser": "認識器の勾配", "gradient is the surrogate's": "代理の関数の勾配と一致",
    "gradient norm": "勾配のノルム", "gradient norm at the blank": "ブランクの勾配のノルム", "gradient norm at the last layer":
    "最後の層の勾配のノルム", "gradient norm at the letters": "文字の勾配のノルム", "in the noise": "ノイズの範囲", "label (unused)":
    "正解(使わない)", "largest of": "最大値を取る式", "law: standard errors off": "分布のずれ(標準誤差の倍数)", "letters off":
    "文字のずれ", "line": "行", "logit": "ロジット", "loss": "損失", "mean gradient": "勾配の平均", "mean of all, its own too":
    "自分を含む全体の平均", "mean of the others": "ほかのサンプルの平均", "moved": "動いた量", "nats per character": "1 文字あたりの nats",
    "nats per letter": "1 文字あたりの nats", "next cut": "次の切断", "no error, grad is None": "エラーなし、grad は None", "noise":
    "ノイズ", "noise / mean": "ノイズ / 平均", "none": "なし", "norm": "ノルム", "norm of the mean": "平均のノルム",
    "one-hot letters: soft - hard": "one-hot の文字: ソフト - ハード", "operation": "演算", "optimizer": "オプティマイザ", "our grad":
    "自作の勾配", "outcome": "結果", "p(c) at the start": "最初の p(c)", "parameter": "パラメータ", "passed": "合格", "path": "経路",
    "path, gradient norm": "経路、勾配のノルム", "path, mean of the others": "パス、ほかのサンプルの平均", "path, no baseline":
    "パス、ベースラインなし", "path, norm of the mean gradient": "経路、平均の勾配のノルム", "penalty": "ペナルティ", "penalty alone":
    "ペナルティだけ", "program": "プログラム", "proof": "確かめること", "question": "観点", "reading": "読み", "reading after":
    "読み(後)", "reading before": "読み(前)", "rows of the letters, each sums to 1": "文字の各行の和は 1", "running mean moved by":
    "移動平均の変化", "same as gradcheck_lm.htr.ctc.character_posteriors": "gradcheck_lm.htr.ctc.character_posteriors と一致",
    "same bits as hard_score": "hard_score と同じビット", "same bits as weight 0": "重み 0 と同じビット", "same value": "値が同じ",
    "score": "スコア", "seconds": "秒", "share of the way with slope < 1e-6": "傾き < 1e-6 の割合", "slope of the expected score":
    "期待値の傾き", "slope of the string's score": "文字列のスコアの傾き", "soft - hard": "ソフト - ハード", "soft after":
    "ソフト(後)", "soft before": "ソフト(前)", "soft score": "ソフトなスコア", "source": "ソース", "standard errors off":
    "ずれ(標準誤差の倍数)", "standard errors off the exact gradient": "正確な勾配とのずれ(標準誤差の倍数)", "steepest slope":
    "最も急な傾き", "step": "ステップ", "string": "文字列", "string's score": "文字列のスコア", "sum over the batch": "バッチについての和",
    "temperature": "温度", "term": "項", "test": "テスト", "the best of all, its own too": "自分を含む中の最小", "the value is that of the drawn string":
    "値は引いた文字列のスコア", "total": "合計", "value": "値", "variance": "分散", "visits": "訪問の数", "way": "方法", "weight": "重み",
    "weights moved by": "重みの変化", "what is scored": "スコアを付けるもの",
    "layer": "層", "held by the optimizer": "オプティマイザが持つか", "moved by 20 steps": "20 ステップで動いた量",
    "with zero_grad": "zero_grad あり", "without": "zero_grad なし", "micro-batches": "マイクロバッチ", "mean of the means":
    "平均の平均", "weighted by size": "大きさで重み付け", "off the whole batch's gradient": "バッチ全体の勾配とのずれ",
    "version before": "前のバージョン", "version after": "後のバージョン", "backward()": "backward()", "kept by": "保存する演算",
    "input": "入力", "gradient": "勾配", "forward": "順伝播の値", "chunk": "区間", "state carried": "持ち越す状態", "cleared": "消し方",
    "norm used by the steps": "各ステップが使った勾配のノルム", "change": "変更", "formula at 0": "0 での式",
    "gradient at 0": "0 での勾配",
}  # fmt: skip


def japanese(cell: Any) -> Any:
    """A word of a table in Japanese; numbers, code and names stay as they are."""
    return _JAPANESE.get(cell, cell) if isinstance(cell, str) else cell
