"""What a lesson shows as `label = value`, in Japanese; code and numbers stay as they are."""

from __future__ import annotations

import re

from gradcheck_lm.course.screen.heads import japanese

_JAPANESE = {
    "F.dropout in eval(): difference between two calls": "eval() での F.dropout: 二回の呼び出しの差",
    "F.gumbel_softmax(hard=True): law, standard errors off":
        "F.gumbel_softmax(hard=True): 分布のずれ(標準誤差の何倍か)",
    "F.gumbel_softmax(hard=True): letters that are not one-hot to the bit":
        "F.gumbel_softmax(hard=True): 1 ビットでも one-hot と違う文字",
    "by_score: standard errors off the exact gradient": "by_score: 厳密な勾配からのずれ(標準誤差の何倍か)",
    "cosine to the exact gradient, mean": "厳密な勾配とのコサイン類似度(平均)",
    "cosine to the exact gradient, smallest": "厳密な勾配とのコサイン類似度(最小)",
    "distance from F.cross_entropy": "F.cross_entropy との差",
    "entries of the gradient that are NaN": "勾配のうち NaN の要素",
    "error rate at the start": "学習前の誤り率",
    "findings": "診断",
    "finite differences": "有限差分",
    "first layer moved by": "最初の層の変化",
    "gradient norm of the penalty": "ペナルティの勾配のノルム",
    "gradient with the factor 0.1, of that with 1": "係数 1 の勾配に対する、係数 0.1 の勾配の比",
    "gradients": "勾配",
    "gradients compared that are not 0": "比べた勾配のうち、0 でないものの数",
    "healthy": "健康",
    "language model's bits unchanged": "言語モデルは 1 ビットも変わらない",
    "largest difference": "差の最大値",
    "largest relative difference from torch": "torch との相対的な差の最大値",
    "last bias moved by": "最後のバイアスの変化",
    "lines": "行数",
    "loss after 300 steps": "300 ステップ後の損失",
    "loss after them": "学習後の損失",
    "loss at the start": "最初の損失",
    "loss before": "更新前の損失",
    "loss before 100 steps": "100 ステップ学習する前の損失",
    "loss before and after one step": "1 ステップの前と後の損失",
    "mean of the targets": "目標値の平均",
    "modes after the validation": "検証後のモード",
    "modes of the training steps": "学習ステップのモード",
    "nats per character at the start": "学習前の 1 文字あたりの nat",
    "no_grad without eval(): running mean moved by": "eval() なしの no_grad: 移動平均の変化",
    "own test: distance from F.cross_entropy": "自作のテスト: F.cross_entropy との差",
    "penalty before, after": "ペナルティ(前、後)",
    "same bits as without a checkpoint": "チェックポイントなしと 1 ビットも違わない",
    "samples": "サンプル",
    "starts where it points uphill": "逆向きになった出発点の割合",
    "warning": "警告",
}  # fmt: skip
_SHARE = re.compile(r"(\d+) of (\d+)")


def in_japanese(label: str, value: str) -> str:
    """`label = value`, where the label is words and no code; of values, shares and "none"."""
    share = _SHARE.fullmatch(value)
    said = f"{share[2]} 個中 {share[1]} 個" if share else "なし" if value == "none" else value
    return f"{_JAPANESE.get(label, japanese(label))} = {said}"
