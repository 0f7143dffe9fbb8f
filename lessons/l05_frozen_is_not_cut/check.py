"""Checks of exercise 5: the model's bits, the path through it, and movement that the loss did not cause."""

import torch
from torch import nn

from gradcheck_lm.course.expect import all_equal, case, expect, expect_gradient, expect_type, gradient_by_differences
from gradcheck_lm.course.toys import NeuralLM

MAY_CHANGE = {"freeze": {"requires_grad", "mode"}, "movement_from_loss": {"grad"}}


def setting():
    """A language model with dropout, and logits of odd shape, in double precision."""
    torch.manual_seed(21)
    model = NeuralLM(classes=5, width=7).double().train()
    return model, torch.randn(6, 5, dtype=torch.float64, requires_grad=True)


def bits(model):
    """Copies of all weights and buffers."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def check_score_is_repeatable(answer):
    """a frozen model gives the same score twice
    凍結されたモデルは、二度とも同じスコアを返す"""
    model, logits = setting()
    answer.freeze(model)
    first, second = (model(logits.softmax(-1)).item() for _ in range(2))
    expect(
        first == second,
        ja="同じ入力のスコアが {first:.4f} と {second:.4f} で違います。"
        "ドロップアウトが動いています。`eval()` を呼びましたか。",
        en="The same input scores {first:.4f} and {second:.4f}: dropout is active. Did you call `eval()`?",
        first=first,
        second=second,
    )


def check_weights_stay(answer):
    """training changes not one bit of a frozen model
    学習しても、凍結されたモデルは 1 ビットも変わらない"""
    model, logits = setting()
    answer.freeze(model)
    before = bits(model)
    optimizer = torch.optim.AdamW([logits, *model.parameters()], lr=0.05, weight_decay=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (model(logits.softmax(-1)) + logits.square().mean()).backward()
        optimizer.step()
    moved = max(float((value - before[name]).abs().max()) for name, value in bits(model).items())
    expect(
        all_equal(bits(model), before),
        ja="三ステップの学習で言語モデルの重みが {moved:.2g} 動きました。"
        "`eval()` は重みを凍結しません。`requires_grad_(False)` が必要です。",
        en="Three steps of training moved the language model's weights by {moved:.2g}. "
        "`eval()` does not freeze weights; `requires_grad_(False)` does.",
        moved=moved,
    )


def check_buffers_stay(answer):
    """no call moves the statistics of a frozen model, and none of its layers stays in training mode
    凍結されたモデルは、呼んでも統計が動かず、学習モードの層も残らない"""
    torch.manual_seed(22)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2), nn.InstanceNorm1d(2))
    model[4].track_running_stats = True
    answer.freeze(model)
    before = bits(model)
    with torch.no_grad():
        model[:4](torch.randn(8, 3) + 2)
    moved = max(float((value - before[name]).abs().max()) for name, value in bits(model).items())
    expect(
        all_equal(bits(model), before),
        ja="順伝播だけで BatchNorm の統計が {moved:.2g} 動きました。`requires_grad_(False)` はバッファを止めません。"
        "モデル全体を `eval()` にします。",
        en="A forward pass alone moved the statistics of BatchNorm by {moved:.2g}: `requires_grad_(False)` does not "
        "stop buffers. Put the whole model into `eval()`.",
        moved=moved,
    )
    expect(
        not any(part.training for part in model.modules()),
        ja="学習モードのままの層があります。",
        en="Some layers are still in training mode.",
    )


def check_gradient_goes_through(answer):
    """a path to the logits, not zero, with the right value
    ロジットまで経路があり、0 でなく、値が正しい"""
    model, logits = setting()
    answer.freeze(model)
    value = answer.penalty(model, logits)
    expect_type("penalty", torch.Tensor, value)
    truth = model(logits.detach().softmax(-1))
    expect(
        torch.allclose(value.detach(), truth.detach()),
        ja="`penalty` の値が違います({found:.4f}、正しくは {right:.4f})。ロジットを確率に直しましたか。",
        en="The value of `penalty` is wrong ({found:.4f}, should be {right:.4f}). Did the logits become probabilities?",
        found=value,
        right=truth,
    )
    right = gradient_by_differences(lambda x: model(x.softmax(-1)), logits)
    expect_gradient(lambda: answer.penalty(model, logits), logits, right, what="`penalty`")


def adamw(parameters):
    """An optimizer that moves weights without any gradient."""
    return torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.2)


def check_decay_is_not_learning(answer):
    """where the gradient is zero or missing the loss moves nothing
    勾配が 0 のときも、届かないときも、損失は何も動かさない"""
    torch.manual_seed(2)
    model = nn.Linear(3, 2).double()
    inputs = torch.randn(4, 3, dtype=torch.float64)
    losses = {
        case("x.round() + x - x"): lambda m: (m(inputs).round() + m(inputs) - m(inputs)).square().sum() * 0,
        case("argmax(-1)"): lambda m: m(inputs).argmax(-1).double().sum(),
    }
    for name, loss in losses.items():
        moved = answer.movement_from_loss(model, loss, adamw)
        expect_type("movement_from_loss", float, moved)
        expect(
            moved == 0.0,
            ja="損失{name}は学習に効かないのに、{moved:.2g} 動いたと答えました。それは重み減衰の分です。",
            en="The loss {name} teaches nothing, and "
            "was said to move the weights by {moved:.2g}: that is weight decay.",
            name=name,
            moved=moved,
        )


def check_learning_is_measured(answer):
    """a live loss moves the weights by learning rate times gradient, whatever the decay
    勾配の届く損失は、重み減衰の大きさによらず、学習率と勾配の積だけ重みを動かす"""
    torch.manual_seed(2)
    model = nn.Linear(3, 2).double()
    before = bits(model)
    inputs = torch.randn(4, 3, dtype=torch.float64)

    def loss(m):
        return (m(inputs) + 5).square().sum()  # its largest gradient works against the largest weight

    right = 0.01 * max(float(g.abs().max()) for g in torch.autograd.grad(loss(model), list(model.parameters())))
    for decay in (0.0, 0.5, 20.0):
        moved = answer.movement_from_loss(
            model, loss, lambda parameters, decay=decay: torch.optim.SGD(parameters, lr=0.01, weight_decay=decay)
        )
        expect(
            abs(moved - right) < 1e-9,
            ja="重み減衰が `{decay}` のとき {moved:.4g} と答えましたが、損失が動かしたのは {right:.4g} です。",
            en="With weight decay `{decay}` the answer was {moved:.4g}; the loss moved the weights by {right:.4g}.",
            decay=decay,
            moved=moved,
            right=right,
        )
    for name in ("weight", "bias"):  # the first parameter alone, then the last
        moved = answer.movement_from_loss(
            model,
            lambda m, name=name: getattr(m, name).sum() * 3,
            lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=1.0),
        )
        expect(
            abs(moved - 0.3) < 1e-9,
            ja="損失が `{name}` だけを {right:.3g} 動かすとき、{moved:.3g} と答えました。"
            "すべてのパラメータを比べます。",
            en="Where the loss moves `{name}` alone, by {right:.3g}, the answer was {moved:.3g}: compare every "
            "parameter.",
            name=name,
            moved=moved,
            right=0.3,
        )
    expect(
        all_equal(bits(model), before),
        ja="測ったあと、モデルの重みが元に戻っていません。",
        en="After measuring, the weights of the model are not what they were.",
    )
