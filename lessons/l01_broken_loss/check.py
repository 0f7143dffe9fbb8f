"""Checks of exercise 1: terms that are dead in different ways, and terms that are alive though small."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_type, gradient_by_differences
from gradcheck_lm.course.toys import ctc, story


def model():
    """A parameter of odd shape, and one that no loss uses."""
    torch.manual_seed(3)
    used = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    unused = torch.randn(4, dtype=torch.float64, requires_grad=True)
    return used, unused


def check_value_of_the_gradients(answer):
    """term_gradients gives the right values, and zeros for a parameter that is not used
    term_gradients の値が正しく、使われていないパラメータには 0 を返す"""
    used, unused = model()
    found = answer.term_gradients((used**3).sum(), [used, unused])
    expect_type("term_gradients", (list, tuple), found)
    expect(
        len(found) == 2 and all(isinstance(one, torch.Tensor) for one in found) and found[0].shape == used.shape,
        ja="パラメータごとに一つのテンソルが必要です。届かない勾配は `None` です。"
        "`None` を 0 のテンソルに置き換えましたか。",
        en="It should give one tensor per parameter. "
        "A gradient that does not arrive is `None`: did you put zeros for it?",
    )
    truth = gradient_by_differences(lambda x: (x**3).sum(), used)
    expect(
        torch.allclose(found[0], truth, rtol=1e-5, atol=1e-7),
        ja="勾配の値が有限差分と合いません(ノルム {size:.4g}、正しくは {right:.4g})。",
        en="The gradient does not agree with finite differences (norm {size:.4g}, should be {right:.4g}).",
        size=found[0].norm(),
        right=truth.norm(),
    )
    expect(
        torch.equal(found[1], torch.zeros_like(unused)),
        ja="使われていないパラメータの勾配は、同じ形の 0 のテンソルにしてください。",
        en="For a parameter that is not used, give zeros of its shape.",
    )


def check_term_without_a_graph(answer):
    """a term that is cut off teaches nothing, and is no reason to stop
    切断された項は学習に効かない。エラーで止まることもない"""
    used, unused = model()
    cut = torch.tensor(float(used.detach().max()))
    found = answer.term_gradients(cut, [used, unused])
    expect(
        len(found) == 2
        and all(torch.equal(one, torch.zeros_like(right)) for one, right in zip(found, (used, unused), strict=True)),
        ja="計算グラフのない項では、どのパラメータの勾配も、同じ形の 0 のテンソルのはずです。",
        en="For a term without a graph the gradient of each parameter should be zeros of its shape.",
    )
    expect(
        answer.teaches(cut, [used, unused]) is False,
        ja="切断された項に「学習に効いている」と答えました。",
        en="A term that is cut off was said to teach.",
    )


def check_true_that_proves_nothing(answer):
    """requires_grad is True, and the recogniser still gets nothing
    requires_grad が True でも、認識器には何も届かない"""
    recogniser, language_model, frames = story()
    ids = recogniser(frames).argmax(-1)[:, 0]
    not_frozen = language_model.score("dise") + ids.sum() * 0
    expect(not_frozen.requires_grad, ja="検査の準備に失敗しました。", en="The check itself could not be set up.")
    expect(
        answer.teaches(not_frozen, recogniser.parameters()) is False,
        ja="言語モデルが凍結されていないと、ペナルティの `requires_grad` は `True` です。"
        "しかし認識器の勾配は `None` です。`requires_grad` ではなく、勾配を見てください。",
        en="Where the language model is not frozen, `requires_grad` of the penalty is `True`, and the gradient of the "
        "recogniser is `None`. Look at the gradients, not at `requires_grad`.",
    )
    logits = recogniser(frames)
    probabilities = logits.softmax(-1)
    zero = (probabilities.round() + probabilities - probabilities).square().sum() * 0
    expect(
        answer.teaches(zero, recogniser.parameters()) is False,
        ja="経路はありますが、勾配はちょうど 0 です。それでも「学習に効いている」と答えました。",
        en="There is a path, and its gradient is exactly 0. It was said to teach all the same.",
    )


def check_alive_terms(answer):
    """terms that do teach are recognised, however small or balanced their gradient is
    勾配が小さくても、足すと打ち消し合っても、学習に効いている項はそうと分かる"""
    used, unused = model()
    expect(
        answer.teaches((used**2).sum(), [unused, used]) is True,
        ja="学習に効いている項に「学習に効いていない」と答えました。勾配が一つのパラメータに届けば十分です。",
        en="A term that teaches was said to teach nothing. It is enough that one parameter gets a gradient.",
    )
    expect(
        answer.teaches((used * 1e-12).sum(), [used]) is True,
        ja="小さい勾配も勾配です。許容誤差と比べず、0 でないかどうかだけを見てください。",
        en="A small gradient is a gradient: compare with zero itself, not with a tolerance.",
    )
    for place, right in (("first", [used, unused, unused]), ("middle", [unused, used, unused])):
        expect(
            answer.teaches((used[0, 1] * 2).sum(), right) is True,
            ja="勾配が届くのは `{place}` のパラメータの一つの要素だけですが、学習に効いています。全部を見てください。",
            en="A gradient arrives at one entry of the `{place}` parameter alone, and the term teaches: look at all.",
            place=place,
        )
    balanced = used[0].sum() - used[1].sum()
    expect(
        answer.teaches(balanced, [used]) is True,
        ja="勾配の要素を足し合わせると打ち消し合うことがあります。要素ごとに 0 でないかを見てください。",
        en="Entries of a gradient can cancel when they are added up. Ask each entry whether it is zero.",
    )


def check_nan_teaches_nothing(answer):
    """a NaN or an infinite gradient teaches nothing, in whichever parameter it is
    NaN や無限大の勾配は、どのパラメータにあっても、学習に効かない"""
    x = torch.tensor([0.0, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
    other = torch.ones(2, dtype=torch.float64, requires_grad=True)
    hidden = torch.where(x > 0, x.sqrt() / x.sqrt(), torch.zeros_like(x)).sum()
    for name, term in {
        case("torch.where(x > 0, x.sqrt() / x.sqrt(), 0)"): hidden,
        case("x.sqrt()"): x.sqrt().sum(),
    }.items():
        for order in ([x, other], [other, x]):
            expect(
                answer.teaches(term + (other * 3).sum(), order) is False,
                ja="`x` に 0 があるとき、{name}の勾配には NaN か無限大が含まれます。"
                "一度の更新で、重みは NaN になります。",
                en="Where `x` is 0, the gradient of {name} holds NaN or infinity: after one update the weights "
                "are NaN.",
                name=name,
            )


def check_weight_of_the_broken_penalty(answer):
    """the broken penalty's weight changes the loss, and not one bit of the gradient
    壊れたペナルティの重みは、損失を変えても、勾配を 1 ビットも変えない"""
    recogniser, _, frames = story()

    def total(weight):
        logits = recogniser(frames)
        ids = logits.argmax(-1)[:, 0].float()
        return ctc(logits) + weight * ids.mean()

    expect(
        answer.weight_is_ignored(total, recogniser.parameters()) is True,
        ja="重みを変えると損失の値は変わります。比べるのは損失ではなく、勾配です。",
        en="The weight does change the value of the loss. Compare the gradients, not the losses.",
    )


def check_weight_of_a_live_penalty(answer):
    """a live penalty is never called ignored, even where it changes only the last bits
    勾配の届くペナルティは、最後の数ビットしか変えなくても「無視されている」とは言わない"""
    recogniser, language_model, frames = story()

    def total(weight):
        logits = recogniser(frames)
        return ctc(logits) + weight * language_model.score_soft(logits[:, 0].softmax(-1))

    expect(
        answer.weight_is_ignored(total, recogniser.parameters()) is False,
        ja="確率を通ったペナルティは勾配を変えます。それを「無視されている」と答えました。",
        en="A penalty through probabilities changes the gradient, and it was called ignored.",
    )
    used, _ = model()
    expect(
        answer.weight_is_ignored(lambda weight: (used**2).sum() + weight * 1e-9 * used.sum(), [used]) is False,
        ja="`allclose` は小さな違いを見逃します。`torch.equal` で 1 ビットずつ比べてください。",
        en="`allclose` overlooks small differences. Compare bit by bit with `torch.equal`.",
    )
    expect(
        answer.weight_is_ignored(lambda weight: (used**2).sum() * (weight == 100.0), [used]) is False,
        ja="すべての重みを比べてください。最初の二つだけでは足りません。",
        en="Compare all weights; the first two alone are not enough.",
    )


def ignored(answer, gradient_of, weights=None):
    """What weight_is_ignored says of a loss whose gradients at two parameters are given as a function of the weight."""
    first, second = model()
    second = second[:2].detach().clone().requires_grad_()

    def total(weight):
        one, other = gradient_of(weight)
        return (first * torch.as_tensor(one)).sum() + (second * torch.as_tensor(other)).sum()

    given = {} if weights is None else {"weights": weights}
    found = answer.weight_is_ignored(total, [first, second], **given)
    expect_type("weight_is_ignored", bool, found)
    return found


ONES = torch.arange(1.0, 7.0, dtype=torch.float64).view(2, 3)
PAIR = torch.tensor([3.0, -4.0], dtype=torch.float64)


def check_every_weight_and_every_parameter_counts(answer):
    """one change is enough, at whichever weight, parameter and entry, of whichever kind
    どの重み、どのパラメータ、どの要素でも、どんな変わり方でも、一つ変われば十分である"""
    last_row = torch.zeros(2, 3, dtype=torch.float64)
    last_row[1, 2] = 1e-9
    changes = {
        case("the first parameter", "最初のパラメータ"): lambda w: (ONES + w, PAIR),
        case("the last parameter", "最後のパラメータ"): lambda w: (ONES, PAIR + w),
        case("the sign of the first", "最初のパラメータの符号"): lambda w: (ONES if w == 0 else -ONES, PAIR),
        case("the sign of the last", "最後のパラメータの符号"): lambda w: (ONES, PAIR if w == 0 else -PAIR),
        case("the order of the entries", "要素の順番"): lambda w: (ONES if w == 0 else ONES.flip(1), PAIR),
        case("the last entry", "最後の要素"): lambda w: (ONES + w * last_row, PAIR),
        case("the first weight", "最初の重み"): lambda w: (ONES + (w == 0), PAIR),
        case("the middle weight", "真ん中の重み"): lambda w: (ONES, PAIR + (w == 1)),
        case("the last weight", "最後の重み"): lambda w: (ONES, PAIR + (w == 100)),
    }
    for name, change in changes.items():
        expect(
            ignored(answer, change) is False,
            ja="勾配が変わるのに(違うのは{name})、「無視されている」と答えました。"
            "ノルムや絶対値ではなく、すべての重み、パラメータ、要素を比べます。",
            en="The gradient does change ({name}), and the weight was called ignored. Compare every weight, "
            "parameter and entry, not norms or absolute values.",
            name=name,
        )


def check_the_weights_given_are_used(answer):
    """the weights that are passed are those that are tried
    渡された重みで調べる"""
    expect(
        ignored(answer, lambda w: (ONES + min(w, 2.0), PAIR), weights=(2.0, 3.0, 50.0)) is True
        and ignored(answer, lambda w: (ONES, PAIR * (w == 7.0)), weights=(7.0, 8.0)) is False,
        ja="引数 `weights` の重みで調べてください。",
        en="Try the weights of the argument `weights`.",
    )
