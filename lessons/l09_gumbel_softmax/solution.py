"""Exercise 9: samples with a gradient. / 演習 9: 勾配のあるサンプリング

The law: letter k is drawn with the probability softmax(logits)[k], at every temperature.
分布の条件: どの温度でも、文字 k は確率 softmax(logits)[k] でサンプリングされる。
"""

import torch
import torch.nn.functional as F


def gumbel_noise(uniform):
    """Standard Gumbel noise, always finite, from uniform numbers in [0, 1).

    Its distribution function is exp(-exp(-x)).
    [0, 1) の一様乱数から、標準 Gumbel ノイズを作る。値は常に有限。分布関数は exp(-exp(-x))。
    """
    # >>> hole: noise
    # en: solve u = exp(-exp(-x)) for x; torch.rand gives exactly 0 now and then, and log(0) is infinite
    # ja: u = exp(-exp(-x)) を x について解く。torch.rand はまれにちょうど 0 を返し、log(0) は無限大になる
    uniform = uniform.clamp_min(torch.finfo(uniform.dtype).tiny)
    return -(-uniform.log()).log()
    # --- broken
    # return -uniform.log()
    # <<< hole


def sample(logits, uniform, temperature=1.0):
    """Drawn letters, one-hot to the bit: logits (..., C) and uniform numbers of that shape give (..., C).

    The gradient is that of softmax((logits + noise) / temperature), along the last axis.
    サンプリングした文字: logits (..., C) と同じ形の一様乱数から、1 ビットまで one-hot の (..., C) を返す。
    勾配は softmax((logits + noise) / temperature) のもの(最後の軸について)。
    """
    # >>> hole: sample
    # en: noise goes on the logits, before anything is divided or normalised; forward hard, backward soft
    # ja: ノイズは、割ったり正規化したりする前のロジットに足す。順伝播ではハードな文字、逆伝播では softmax の勾配
    noisy = (logits + gumbel_noise(uniform)) / temperature
    soft = noisy.softmax(-1)
    hard = F.one_hot(noisy.argmax(-1), logits.shape[-1]).to(logits.dtype)
    return hard + (soft - soft.detach())
    # --- broken
    # return ((logits / temperature).softmax(-1) + gumbel_noise(uniform)).softmax(-1)
    # <<< hole


def read(logits, *, training, temperature=1.0, generator=None):
    """Letters for the language model: drawn in training, the likeliest ones otherwise; both with a soft gradient.

    The same seed of the generator gives the same letters. The temperature is for training; in evaluation the gradient
    is that of softmax(logits).
    言語モデルに渡す文字: 学習のときはサンプリングし、それ以外では一番確からしい文字。どちらもソフトな勾配を持つ。
    generator のシードが同じなら、同じ文字になる。温度は学習のときだけ使い、評価のときの勾配は softmax(logits) のもの。
    """
    # >>> hole: read
    # en: every letter needs noise of its own, from the generator given; and evaluation needs none
    # ja: どの文字にも別々のノイズが要る。ノイズは、渡された generator から作る。評価のときはノイズを使わない
    if training:
        uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
        return sample(logits, uniform, temperature)
    soft = logits.softmax(-1)
    hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    return hard + (soft - soft.detach())
    # --- broken
    # uniform = torch.rand(logits.shape[-1], dtype=logits.dtype)
    # return sample(logits, uniform, temperature)
    # <<< hole


# What does the temperature change? / 温度を変えると、何が変わるか
#   "a": how often each letter is drawn, and the gradient / 文字がサンプリングされる割合と、勾配の両方
#   "b": how often each letter is drawn / 文字がサンプリングされる割合だけ
#   "c": the gradient / 勾配だけ
# >>> hole: changes
# en: choose a letter
# ja: 記号を一つ選ぶ
TEMPERATURE_CHANGES = "c"
# --- broken
# TEMPERATURE_CHANGES = "a"
# <<< hole
