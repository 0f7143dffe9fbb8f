"""Checks of exercise 6: values against the definition, one-hot letters against the string, gradients by differences."""

import torch
import torch.nn.functional as F

from gradcheck_lm.course.expect import expect, expect_gradient, expect_type, gradient_by_differences
from gradcheck_lm.course.toys import NeuralLM


def letters_and_table():
    """Logits of 5 frames, 2 lines, 4 classes, and a table of 4 rows of 3 numbers: no two axes alike."""
    torch.manual_seed(31)
    return torch.randn(5, 2, 4, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)


def model_and_logits():
    """A language model of 5 classes, and the logits of 6 letters."""
    torch.manual_seed(32)
    model = NeuralLM(classes=5, width=7).double().eval().requires_grad_(False)
    return model, torch.randn(6, 5, dtype=torch.float64)


def reference(model, letters):
    """Nats per letter of (L, C) letters, written out as in the lesson."""
    return -(letters[1:] * model.predict(letters[:-1] @ model.embedding.weight.T)).sum(-1).mean()


def check_certain_letters(answer):
    """letters that are certain give their own row of the table
    確実な文字からは、表のその行が得られる"""
    _, table = letters_and_table()
    classes = torch.tensor([[3, 0], [1, 1], [2, 3]])
    found = answer.soft_lookup(1000.0 * F.one_hot(classes, 4).double(), table)
    expect_type("soft_lookup", torch.Tensor, found)
    expect(
        found.shape == (3, 2, 3),
        ja="形が `{shape}` になりました。`(T, N, C)` のロジットからは `(T, N, D)` が得られるはずです。",
        en="The shape is `{shape}`; logits of `(T, N, C)` should give `(T, N, D)`.",
        shape=tuple(found.shape),
    )
    expect(
        torch.allclose(found, table[classes]),
        ja="確率が一つの文字に集まっているのに、その文字の行になりません。"
        "softmax はクラスの軸(最後の軸)で取りましたか。",
        en="All probability lies on one letter, and its row was not returned. "
        "Is the softmax taken over the classes, the last axis?",
    )


def check_expectation(answer):
    """uncertain letters give the mean of all rows, weighted by probability
    不確かな文字からは、確率で重みをつけた全部の行の平均が得られる"""
    logits, table = letters_and_table()
    for temperature in (1.0, 0.5, 4.0):
        right = torch.einsum("tnc,cd->tnd", torch.softmax(logits / temperature, 2), table)
        found = answer.soft_lookup(logits, table, temperature)
        divided = torch.einsum("tnc,cd->tnd", torch.softmax(logits, 2) / temperature, table)
        expect(
            temperature == 1.0 or not torch.allclose(found, divided),
            ja="温度で割られたのは確率です。割るのは softmax の前の、ロジットのほうです。",
            en="It is the probabilities that were divided by the temperature: divide the logits, before the softmax.",
        )
        rows = (found[..., None, :] - table).abs().amax(-1).amin(-1)
        expect(
            float(rows.max()) > 1e-9,
            ja="どのフレームでも、表の 1 行がそのまま返ってきました。これは表引きで、期待値ではありません。",
            en="Each frame got exactly one row of the table: that is a lookup, not an expectation.",
        )
        expect(
            torch.allclose(found, right),
            ja="温度 `{temperature}` で、期待値と {error:.3g} 違います。"
            "ロジットを温度で割り、クラスについて softmax を取り、表と掛けます。",
            en="At temperature `{temperature}` the result is off by {error:.3g} from the expectation: the logits over "
            "the temperature, a softmax over the classes, times the table.",
            temperature=temperature,
            error=(found - right).abs().max(),
        )
    answer.soft_lookup(logits.clone().requires_grad_().exp(), table)  # the watch around it asks for the graph


def check_gradient_of_the_lookup(answer):
    """a path to the logits, not zero, with the right value
    ロジットまで経路があり、0 でなく、値が正しい"""
    logits, table = letters_and_table()
    torch.manual_seed(33)
    mixed = torch.randn(5, 2, 3, dtype=torch.float64)
    right = gradient_by_differences(lambda x: ((x / 0.7).softmax(-1) @ table * mixed).sin().sum(), logits)
    logits.requires_grad_()

    def found():
        return (answer.soft_lookup(logits, table, 0.7) * mixed).sin().sum()

    expect_gradient(found, logits, right, what="`soft_lookup`", tolerance=1e-6)


def check_soft_targets(answer):
    """the loss is the expected number of nats, for certain and for uncertain targets
    正解が確実でも不確かでも、損失は nats の期待値になる"""
    torch.manual_seed(34)
    log_probs = torch.randn(3, 4, dtype=torch.float64).log_softmax(-1)
    classes = torch.tensor([2, 0, 2])
    found = answer.soft_cross_entropy(log_probs, F.one_hot(classes, 4).double())
    right = F.nll_loss(log_probs, classes)
    expect(
        bool(torch.isclose(found, right)),
        ja="正解が確実なときの損失が {found:.4f} です。普通のクロスエントロピーなら {right:.4f} です。"
        "場所については合計ではなく平均を取ります。`log` を取るのは予測のほうです。",
        en="With certain targets the loss is {found:.4f}; the usual cross-entropy is {right:.4f}. "
        "Over places take the mean, not the sum, and the logarithm is of the prediction.",
        found=found,
        right=right,
    )
    targets = torch.randn(3, 4, dtype=torch.float64).softmax(-1)
    found, right = answer.soft_cross_entropy(log_probs, targets), -(targets * log_probs).sum() / 3
    expect(
        bool(torch.isclose(found, right)),
        ja="正解が不確かなときの損失が {found:.4f} です。期待値は {right:.4f} です。"
        "正解から一つの文字を選んでいませんか。それも切断です。",
        en="With uncertain targets the loss is {found:.4f}; the expectation is {right:.4f}. "
        "Do you choose one letter of each target? That is a cut too.",
        found=found,
        right=right,
    )


def check_gradient_of_the_loss(answer):
    """a gradient of the right value reaches the predictions and the targets
    予測にも正解にも、正しい値の勾配が届く"""
    torch.manual_seed(35)
    log_probs = torch.randn(3, 4, dtype=torch.float64).log_softmax(-1)
    targets = torch.randn(3, 4, dtype=torch.float64).softmax(-1)
    for leaf, right in ((log_probs, -targets / 3), (targets, -log_probs / 3)):
        leaf.requires_grad_()
        found = answer.soft_cross_entropy(log_probs, targets)
        expect_gradient(lambda found=found: found, leaf, right, what="`soft_cross_entropy`", tolerance=1e-9)
        leaf.requires_grad_(False)


def check_score_of_certain_letters(answer):
    """with one-hot letters the soft score is the score of the string
    文字が確実なら、ソフトなスコアは文字列のスコアに等しい"""
    model, _ = model_and_logits()
    letters = F.one_hot(torch.tensor([2, 4, 4, 1, 3, 0]), 5).double()
    found, right = answer.soft_score(model, 1000.0 * letters), model(letters)
    expect_type("soft_score", torch.Tensor, found)
    expect(
        bool(torch.isclose(found, right)),
        ja="文字列のスコアは {right:.4f} ですが、{found:.4f} になりました。"
        "当てるのは次の文字です。読む文字と一つずらしましたか。",
        en="The string scores {right:.4f}, and the answer is {found:.4f}. "
        "What is predicted is the next letter: are the two shifted by one?",
        found=found,
        right=right,
    )


def check_gradient_of_the_score(answer):
    """every letter gets its gradient, the first and the last too, at each temperature
    最初の文字にも最後の文字にも、どの温度でも、正しい勾配が届く"""
    model, start = model_and_logits()
    for temperature in (1.0, 0.4):
        value = answer.soft_score(model, start, temperature)
        right = reference(model, (start / temperature).softmax(-1))
        expect(
            bool(torch.isclose(value, right)),
            ja="温度 `{temperature}` のスコアが {value:.4f} です(正しくは {right:.4f})。"
            "温度は、読む側と当てる側の両方に使います。",
            en="At temperature `{temperature}` the score is {value:.4f} (should be {right:.4f}): "
            "the temperature belongs to both sides, what is read and what is predicted.",
            temperature=temperature,
            value=value,
            right=right,
        )
        truth = gradient_by_differences(lambda x, t=temperature: reference(model, (x / t).softmax(-1)), start)
        logits = start.clone().requires_grad_()
        value = answer.soft_score(model, logits, temperature)
        last = torch.autograd.grad(value, logits, retain_graph=True)[0][-1] if value.requires_grad else truth[-1]
        expect(
            bool(last.any()),
            ja="最後の文字の勾配がちょうど 0 です。最後の文字は当てられる側にだけ現れます。"
            "当てる側の確率を `detach` していませんか。",
            en="The gradient of the last letter is exactly 0. That letter is only ever predicted, never read: "
            "are the targets detached?",
        )
        expect_gradient(lambda value=value: value, logits, truth, what="`soft_score`", tolerance=1e-6)


def check_what_cold_gives(answer):
    """what a temperature near 0 gives
    0 に近い温度から得られるもの"""
    expect(
        answer.COLD_GIVES == "b",
        ja="`{choice}` ではありません。この課の最初の表で、値の列と勾配の列を別々に見てください。",
        en="Not `{choice}`. In the lesson's first table, look at the column of values and at that of gradients apart.",
        choice=answer.COLD_GIVES,
    )
