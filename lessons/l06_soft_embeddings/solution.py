"""Exercise 6: soft embeddings: an expectation in place of a lookup. / 演習 6: ソフト埋め込み。表引きの代わりに期待値

The language model has `embedding.weight` (D, C), and `predict(vectors)`: from the embeddings of letters (..., D) to the
log-probabilities of the letters that follow (..., C).
言語モデルには `embedding.weight` (D, C) と `predict(vectors)` があります。predict は、文字の埋め込み (..., D) から、
次の文字の対数確率 (..., C) を計算します。
"""


def soft_lookup(logits, table, temperature=1.0):
    """The expected row of the table: logits (..., C) and table (C, D) give (..., D).

    A temperature below 1 sharpens the probabilities, one above 1 flattens them: the logits are divided by it.
    表の行の期待値: logits (..., C) と table (C, D) から (..., D) を返す。
    温度が 1 より低いと確率は鋭く、高いと平らになる(ロジットを温度で割る)。
    """
    # >>> hole: lookup
    # en: weigh every row by its probability, and add up; choosing one row is the cut
    # ja: どの行にも確率の重みをつけて足す。1 行だけを選ぶと切断になる
    return (logits / temperature).softmax(-1) @ table
    # --- broken
    # return table[(logits / temperature).argmax(-1)]
    # <<< hole


def soft_cross_entropy(log_probs, targets):
    """The mean over L places of the expected nats: log_probs (L, C), targets (L, C) probabilities; ().

    Where each target is certain (a single 1) this is the usual cross-entropy. A gradient reaches both arguments.
    L か所についての nats の期待値の平均: log_probs (L, C)、targets (L, C) は確率、結果は ()。
    正解が確実(1 が一つだけ)なら、普通のクロスエントロピーになる。勾配は両方の引数に届く。
    """
    # >>> hole: targets
    # en: the targets are probabilities too, and a gradient has to reach them
    # ja: 正解のほうも確率である。勾配はそこにも届かなければならない
    return -(targets * log_probs).sum(-1).mean()
    # --- broken
    # letters = targets.argmax(-1)
    # return -log_probs[range(len(letters)), letters].mean()
    # <<< hole


def soft_score(language_model, logits, temperature=1.0):
    """Nats per letter of the soft letters of L places, logits (L, C): () with a gradient to every place.

    L か所のソフトな文字の 1 文字あたりの nats。logits は (L, C)、結果は ()。どの場所にも勾配が届く。
    """
    # >>> hole: score
    # en: each letter is what the model reads at its place, and what it should have said one place before
    # ja: どの文字も、その場所では読まれる側、一つ前の場所では当てられる側である。どちらの経路も残す
    letters = (logits / temperature).softmax(-1)
    vectors = soft_lookup(logits[:-1], language_model.embedding.weight.T, temperature)
    return soft_cross_entropy(language_model.predict(vectors), letters[1:])
    # --- broken
    # letters = (logits / temperature).softmax(-1).detach()
    # vectors = soft_lookup(logits[:-1], language_model.embedding.weight.T, temperature)
    # return soft_cross_entropy(language_model.predict(vectors), letters[1:])
    # <<< hole


# What does a temperature near 0 give? / 温度を 0 に近づけると、何が得られるか
#   "a": the right gradient of the string's expected score / 文字列のスコアの期待値の、正しい勾配
#   "b": the value of the string's score, with a gradient that is next to 0, or huge at an edge
#        / 文字列のスコアの値。勾配はほとんど 0 で、角では巨大になる
#   "c": neither its value nor its gradient / 値も勾配も得られない
# >>> hole: cold
# en: choose a letter
# ja: 記号を一つ選ぶ
COLD_GIVES = "b"
# --- broken
# COLD_GIVES = "a"
# <<< hole
