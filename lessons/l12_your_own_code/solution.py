"""Exercise 12: a training script with three cuts. / 演習 12: 三か所が切断された学習スクリプト

It trains a recogniser with CTC and a penalty by a frozen language model: python exercise.py
Five places are marked alike. Three of them cut the gradient, two are healthy and must stay as they are.
Ask before you touch anything: python -m gradcheck_lm run exercise.py
CTC と、凍結した言語モデルのペナルティで、認識器を学習するスクリプトです。
五か所に同じ印があります。三か所は勾配を切断していて、二か所は健康です(健康な所は変えないでください)。
直す前に調べます: python -m gradcheck_lm run exercise.py
"""

import torch

from gradcheck_lm.course.toys import NeuralLM, ctc, story

WORD = 6  # frames


def letters(logits):
    """What was read in every frame, for the language model: (T, 1, C) logits to (T, C), each row with sum 1.

    The gradient is that of softmax; the value may be the softmax's, or the hard letters' with its gradient.
    各フレームの読みを言語モデルに渡す: logits (T, 1, C) から (T, C) を返す。どの行も和は 1。
    勾配は softmax のもの。値は softmax の値でも、softmax の勾配を持つハードな文字でもよい。
    """
    # >>> hole: letters
    # en: does the gradient stop here, or is this healthy? ask `run`
    # ja: ここで勾配が止まるか、それとも健康か。`run` で調べる
    return logits[:, 0].softmax(-1)
    # --- broken
    # best = logits[:, 0].argmax(-1)
    # return torch.nn.functional.one_hot(best, logits.shape[-1]).to(logits.dtype)
    # <<< hole


def nats(judge, reading):
    """What the frozen language model thinks of a reading (T, C): () nats per letter.

    凍結した言語モデルによる、読み (T, C) のスコア: 1 文字あたりの nats、()。
    """
    # >>> hole: nats
    # en: does the gradient stop here, or is this healthy? ask `run`
    # ja: ここで勾配が止まるか、それとも健康か。`run` で調べる
    return judge(reading)
    # --- broken
    # with torch.no_grad():
    #     return judge(reading)
    # <<< hole


def penalty(judge, logits):
    """The mean over the words of a line, () nats per letter; a word is WORD frames.

    行の単語についての平均。1 文字あたりの nats、()。一つの単語は WORD フレーム。
    """
    scores = [nats(judge, word) for word in letters(logits).split(WORD)]
    # >>> hole: mean
    # en: does the gradient stop here, or is this healthy? ask `run`
    # ja: ここで勾配が止まるか、それとも健康か。`run` で調べる
    return torch.stack(scores).mean()
    # --- broken
    # return torch.tensor([score.item() for score in scores], dtype=logits.dtype).mean()
    # <<< hole


def frozen_judge(dtype=torch.float32):
    """The language model that only judges: the same at every call. / 評価だけをする言語モデル。毎回同じもの。"""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        judge = NeuralLM().to(dtype)
    # >>> hole: judge
    # en: does the gradient stop here, or is this healthy? ask `run`
    # ja: ここで勾配が止まるか、それとも健康か。`run` で調べる
    return judge.eval().requires_grad_(False)
    # --- broken
    # return judge.eval().requires_grad_(False)
    # <<< hole


def terms_of(recogniser, judge, frames):
    """The terms of the loss by name; the loss is their sum. / 損失の項を名前ごとに返す。損失はその和。"""
    logits = recogniser(frames)
    return {"ctc": ctc(logits), "penalty": 0.1 * penalty(judge, logits)}


def progress(terms):
    """What is printed of the terms: name -> float, free of any graph.

    画面に表示する値: 名前 -> float。計算グラフは持たない。
    """
    # >>> hole: progress
    # en: does the gradient stop here, or is this healthy? ask `run`
    # ja: ここで勾配が止まるか、それとも健康か。`run` で調べる
    return {name: term.item() for name, term in terms.items()}
    # --- broken
    # return {name: term.item() for name, term in terms.items()}
    # <<< hole


def check_training(gradient_flow, terms, model):
    """The body of a pytest test: `gradient_flow` is the plugin's fixture, `terms` a function that gives the terms.

    It must fail where any term teaches the model nothing, and pass where all of them teach.
    pytest のテストの本体。`gradient_flow` はプラグインのフィクスチャ、`terms` は項の辞書を返す関数。
    どれか一つの項でもモデルの学習に効いていなければ失敗し、すべての項が効いていれば成功すること。
    """
    # >>> hole: test
    # en: a test that believes requires_grad passes on the broken script too; hand both to the fixture
    # ja: requires_grad を信じるテストは、壊れたスクリプトでも通る。二つともフィクスチャに渡す
    gradient_flow(terms, model)
    # --- broken
    # assert sum(terms().values()).requires_grad
    # <<< hole


def main(steps=20):
    recogniser, _, frames = story()
    judge = frozen_judge()
    optimizer = torch.optim.SGD(recogniser.parameters(), lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        terms = terms_of(recogniser, judge, frames)
        loss = sum(terms.values())
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(step, *(f"{name} {value:.4f}" for name, value in progress(terms).items()))


if __name__ == "__main__":
    main()
