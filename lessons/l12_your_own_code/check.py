"""Checks of exercise 12: the script under `run`, then each fixed function by the house rule, then the test itself."""

from pathlib import Path

import torch
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.expect import Wrong, case, expect, expect_gradient, expect_type, gradient_by_differences
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.toys import story
from gradcheck_lm.errors import GradientFlowError
from gradcheck_lm.flow.scripts.runner import run_script


def logits_of_odd_shape():
    """Logits (T, 1, C) in double precision, with frames for one word and a half."""
    torch.manual_seed(12)
    return torch.randn(9, 1, 10, dtype=torch.float64, requires_grad=True)


def check_run_says_ok(answer):
    """`python -m gradcheck_lm run` finds nothing starved in the script
    `python -m gradcheck_lm run` が、スクリプトに問題を見つけない"""
    diagnosis = run_script(Path(answer.__file__))
    if not diagnosis.ok:
        first = diagnosis.errors[0] if diagnosis.errors else None
        expect(
            False,
            ja="`run` によると、最初の切断は {line} 行目の `{source}`({kind})です。"
            "一つ直すたびに、診断は下流へ移ります。",
            en="According to `run` the first cut is in line {line}: `{source}` ({kind}). "
            "With each one that you fix, the diagnosis moves downstream.",
            line=first.line if first else "?",
            source=first.source.strip() if first and first.source else "?",
            kind=f"`{first.kind}`" if first else "?",
        )


def check_letters(answer):
    """letters gives probabilities, and the gradient of softmax
    letters は確率を返し、softmax の勾配が届く"""
    logits = logits_of_odd_shape()
    reading = answer.letters(logits)
    expect_type("letters", torch.Tensor, reading)
    rows = reading.detach().sum(-1)
    expect(
        reading.shape == (9, 10) and torch.allclose(rows, torch.ones_like(rows)) and bool((reading >= 0).all()),
        ja="フレームごとの確率 `(T, C)` が必要です。返ってきた形は `{shape}`、最初の行の和は {total:.3f} でした。",
        en="Wanted are the probabilities of each frame, `(T, C)`. The shape was `{shape}`, and the first row adds up "
        "to {total:.3f}.",
        shape=tuple(reading.shape),
        total=rows.flatten()[0],
    )
    answer.letters(logits.exp())  # the watch around it asks whether the graph is still there
    scale = torch.linspace(-1, 2, 90, dtype=torch.float64).reshape(9, 10) ** 3
    right = gradient_by_differences(lambda x: (x[:, 0].softmax(-1) * scale).sum(), logits)
    expect_gradient(lambda: (answer.letters(logits) * scale).sum(), logits, right, what="`letters`")


def check_nats(answer):
    """nats sends the gradient through the judge, and the judge stays frozen
    nats は言語モデルに勾配を通し、言語モデルは凍結されたまま"""
    judge = answer.frozen_judge(torch.float64)
    reading = logits_of_odd_shape().detach()[:, 0].softmax(-1).requires_grad_()
    right = gradient_by_differences(judge, reading)
    expect_gradient(lambda: answer.nats(judge, reading), reading, right, what="`nats`")
    expect(
        not judge.training and not any(parameter.requires_grad for parameter in judge.parameters()),
        ja="`nats` を呼んだら、言語モデルの凍結が解けました。設定は変えないでください。",
        en="Calling `nats` has undone the freeze of the language model: leave its settings alone.",
    )


def check_penalty(answer):
    """penalty is the mean over words, with the right gradient, for soft letters and for straight-through ones
    ペナルティは単語についての平均で、勾配も正しい。文字はソフトでも STE でもよい"""
    judge = answer.frozen_judge(torch.float64)
    logits = logits_of_odd_shape()
    read = answer.letters(logits).detach()

    def true_penalty(reading):
        words = reading.split(answer.WORD)
        return sum(judge(word) for word in words) / len(words)

    value, right = answer.penalty(judge, logits), true_penalty(read)
    answer.penalty(judge, logits.exp())  # the watch around it asks whether the graph is still there
    expect(
        abs(float(value.detach()) - float(right.detach())) < 1e-9,
        ja="`penalty` の値が {found:.4f} です。`letters` が返す文字なら {right:.4f} のはずです。"
        "単語についての平均のままにしてください。",
        en="The value of `penalty` is {found:.4f}; for the letters that `letters` returns it should be "
        "{right:.4f}: the "
        "mean over words, as it was.",
        found=value,
        right=right,
    )
    leaf = read.clone().requires_grad_()
    (slope,) = torch.autograd.grad(true_penalty(leaf), leaf)
    truth = gradient_by_differences(lambda x: (slope * x[:, 0].softmax(-1)).sum(), logits)
    expect_gradient(lambda: answer.penalty(judge, logits), logits, truth, what="`penalty`")


def check_what_is_healthy_stays(answer):
    """the frozen judge and the printing, which stop no gradient of the penalty, are as they were
    ペナルティの勾配を止めていない、凍結した言語モデルと表示は、元のまま"""
    judge, again = answer.frozen_judge(torch.float64), answer.frozen_judge(torch.float64)
    expect_type("frozen_judge", nn.Module, judge, kind=Words("モデル", "a model"))
    frozen = not judge.training and not any(one.requires_grad for one in judge.parameters())
    expect(
        frozen and all(torch.equal(a, b) for a, b in zip(judge.parameters(), again.parameters(), strict=True)),
        ja="`frozen_judge` が変わりました。凍結された重みは勾配を通します。ここは健康な場所です。",
        en="`frozen_judge` has changed. Frozen weights let a gradient through: this place is healthy.",
    )
    terms = {name: torch.tensor(value, requires_grad=True) * 1.0
             for name, value in (("ctc", 2.25), ("penalty", -0.5), ("third", 0.0))}  # fmt: skip
    found = answer.progress(terms)
    expect(
        isinstance(found, dict)
        and list(found.items()) == [(name, term.item()) for name, term in terms.items()]
        and all(type(value) is float for value in found.values()),
        ja="`progress` が `{found}` を返しました。表示する数は Python の float のままにします。"
        "`.item()` は、その値が損失に戻らないなら健康です。",
        en="`progress` returned `{found}`. What is printed stays Python floats: `.item()` is healthy where its number "
        "never goes back into a loss.",
        found=found,
    )


def says(answer, terms, model):
    """Whether the learner's test passes, with what the plugin's fixture is made of."""
    try:
        answer.check_training(gc.assert_gradient_flows, terms, model)
    except Wrong:  # of the watch around the call, not of the learner's test
        raise
    except (GradientFlowError, AssertionError):
        return "fails"
    return "passes"


def check_the_test_fails_on_a_dead_term(answer):
    """the test fails where a term is dead, although the sum requires grad
    合計に requires_grad があっても、勾配の届かない項があればテストは失敗する"""
    model = nn.Linear(3, 2)
    inputs = torch.randn(5, 3)
    dead = {
        case("argmax(-1)"): lambda: {
            "fit": model(inputs).square().mean(),
            "words": model(inputs).argmax(-1).float().mean(),
        },
        case("detach()"): lambda: {"fit": model(inputs).square().mean(), "words": model(inputs).detach().exp().mean()},
        case("zero", "relu の 0 の側"): lambda: {
            "fit": model(inputs).square().mean(),
            "words": (model(inputs) - 99).relu().mean(),
        },
    }
    for name, terms in dead.items():
        expect(
            says(answer, terms, model) == "fails",
            ja="項の一つに勾配が届かないのに(原因は{name})、テストは通りました。",
            en="One of the terms is dead ({name}), and the test passed all the same.",
            name=name,
        )


def check_the_test_passes_on_the_story(answer):
    """the test passes where all terms teach
    すべての項が学習に効いていれば、テストは通る"""
    recogniser, _, frames = story()
    judge = answer.frozen_judge()
    expect(
        says(answer, lambda: answer.terms_of(recogniser, judge, frames), recogniser) == "passes",
        ja="直したスクリプトなのに、テストが失敗しました。"
        "`gradient_flow` に渡すのは、損失の関数と、学習するモデルです。",
        en="The script is fixed, and the test fails. `gradient_flow` is to be given the function of the loss, and the "
        "model that learns.",
    )
