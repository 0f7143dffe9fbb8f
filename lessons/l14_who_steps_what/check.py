"""Checks of exercise 14: lists, frozen and unused leaves, equal twins, several groups and optimizers, a new head."""

import torch
from torch import nn

from gradcheck_lm.course.expect import case, expect, expect_type
from gradcheck_lm.course.language import Words

MAY_CHANGE = {"never_moved": {"value", "grad", "random", "requires_grad"}}  # what the step does, it may


ARRIVES = Words(
    "挙げるのは、渡された `tensors` のうち、この損失から 0 でない勾配が実際に届くものだけです。",
    "Name those of the `tensors` handed in that really get a gradient other than zero from this loss.",
)
IDENTITY = Words(
    "値ではなくテンソルそのものを、すべてのオプティマイザのすべてのグループで探します。",
    "Look for the tensor itself, not for its numbers, in every group of every optimizer.",
)


class Model(nn.Module):
    """Layers in a list that nobody registers, and a head."""

    def __init__(self):
        super().__init__()
        self.hidden = [nn.Linear(3, 4), nn.Linear(4, 4)]
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        for layer in self.hidden:
            x = layer(x).tanh()
        return self.head(x)


def setting():
    """A model, all of its tensors by name, and its loss."""
    torch.manual_seed(91)
    model = Model()
    tensors = {
        f"hidden{i}.{name}": one for i, layer in enumerate(model.hidden) for name, one in layer.named_parameters()
    }
    tensors |= dict(model.named_parameters())
    return model, tensors, model(torch.randn(5, 3)).square().mean()


def asked(answer, loss, tensors, optimizers, right, situation, nudge):
    """Compare the answer of not_held with the right names."""
    found = answer.not_held(loss, tensors, optimizers)
    expect_type("not_held", list, found)
    expect(
        found == right,
        ja="{situation}、`{found}` と答えましたが、正しくは `{right}` です。{nudge}",
        en="{situation} the answer was `{found}`, and should be `{right}`. {nudge}",
        situation=situation,
        nudge=nudge,
        found=found,
        right=right,
    )


def check_layers_in_a_list(answer):
    """layers in a plain list get a gradient, and nobody holds them
    普通のリストの中の層には勾配が届くが、誰も持っていない"""
    model, tensors, loss = setting()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    right = [name for name in tensors if name.startswith("hidden")]
    asked(answer, loss, tensors, [optimizer], right, Words("層がリストにあるとき", "With layers in a list"), ARRIVES)


def check_who_wants_no_optimizer(answer):
    """frozen and unused leaves, zero gradients and losses without a graph need none
    凍結された葉、使われない葉、勾配が 0 の葉、計算グラフのない損失は、誰も持っていなくてよい"""
    model, tensors, _ = setting()
    model.head.requires_grad_(False)
    loss = model(torch.randn(5, 3)).square().mean()
    right = [name for name in tensors if name.startswith("hidden")]
    asked(answer, loss, tensors, [], right, Words("ヘッドが凍結されているとき", "With a frozen head"), ARRIVES)
    asked(
        answer,
        loss.detach(),
        tensors,
        [],
        [],
        Words("損失に計算グラフがないとき", "For a loss without a graph"),
        ARRIVES,
    )
    frozen = {name: one for name, one in tensors.items() if name.startswith("head")}
    asked(answer, loss, frozen, [], [], Words("すべて凍結されているとき", "Where all is frozen"), ARRIVES)
    zero = {name: one for name, one in tensors.items() if name == "hidden0.bias"}
    situation = Words("勾配が 0 のとき", "With a gradient of 0")
    asked(answer, (zero["hidden0.bias"] * 0).sum(), zero, [], [], situation, ARRIVES)
    one = torch.zeros(3, requires_grad=True)
    first = {"one": one}
    situation = Words("勾配が小さいとき", "With a small gradient")
    asked(answer, (one * torch.tensor([0.0, 0.0, 1e-9])).sum(), first, [], ["one"], situation, ARRIVES)


def check_the_very_tensor(answer):
    """equal numbers are not the same tensor; every group of every optimizer counts
    値が等しくても同じテンソルではない。すべてのオプティマイザのすべてのグループを見る"""
    twins = {name: torch.full((2,), 0.5, requires_grad=True) for name in ("a", "b", "c", "d")}
    loss = sum((one * (place + 1)).sum() for place, one in enumerate(twins.values()))
    first = torch.optim.SGD([{"params": [twins["a"]]}, {"params": [twins["c"]], "lr": 0.5}], lr=0.1)
    second = torch.optim.Adam([twins["d"]])
    situation = Words("値の等しいテンソルが四つあるとき", "With four tensors of equal numbers")
    asked(answer, loss, twins, [first, second], ["b"], situation, IDENTITY)
    asked(answer, loss, twins, [second], ["a", "b", "c"], situation, IDENTITY)
    asked(answer, loss, twins, [second, first], ["b"], situation, IDENTITY)
    asked(answer, -loss, twins, [first], ["b", "d"], situation, IDENTITY)


def check_stale(answer):
    """what the optimizers hold and the model has not is counted once, by identity
    オプティマイザが持ち、モデルが持たないものを、同一性で一度ずつ数える"""
    model, _, _ = setting()
    old = nn.Linear(4, 2)
    old.load_state_dict(model.head.state_dict())
    extra = torch.ones(3, requires_grad=True)
    cases = {
        case("all its own", "モデルのパラメータすべて"): ([torch.optim.SGD(model.parameters(), lr=0.1)], 0),
        case("some of its own", "モデルのパラメータの一部"): ([torch.optim.SGD(model.head.parameters(), lr=0.1)], 0),
        case("an old head with equal numbers", "値の等しい古いヘッド"): (
            [torch.optim.SGD([*model.unused.parameters(), *old.parameters()], lr=0.1)],
            2,
        ),
        case("first optimizer alone", "古いものが最初のオプティマイザだけにある"): (
            [torch.optim.Adam([extra]), torch.optim.SGD(model.parameters(), lr=0.1)],
            1,
        ),
        case("second group", "古いものが二番目のグループにある"): (
            [torch.optim.SGD([{"params": [*model.parameters()]}, {"params": [extra]}], lr=0.1)],
            1,
        ),
        case("second optimizer", "古いものが二番目のオプティマイザにある"): (
            [torch.optim.SGD(model.parameters(), lr=0.1), torch.optim.Adam([extra])],
            1,
        ),
        case("first optimizer, twice", "古いものが両方のオプティマイザにある"): (
            [torch.optim.Adam([extra]), torch.optim.SGD([extra, old.bias], lr=0.1)],
            2,
        ),
    }
    for name, (optimizers, right) in cases.items():
        found = answer.stale(model, optimizers)
        expect_type("stale", int, found, kind=Words("整数", "an int"))
        expect(
            found == right,
            ja="{name}の場合: {found} 個と答えましたが、正しくは {right} 個です。{nudge}",
            en="{name}: the answer was {found}; it should be {right}. {nudge}",
            nudge=IDENTITY,
            name=name,
            found=found,
            right=right,
        )


def check_never_moved(answer):
    """a step is called once; what has the same bits before and after is named
    step は一度だけ呼ばれ、前後でビットの同じテンソルが挙げられる"""
    tensors = {
        name: torch.arange(1.0, 5.0).view(2, 2).requires_grad_()
        for name in ("still", "last entry", "tiny", "all", "end")
    }
    calls = []

    def step():
        calls.append(1)
        with torch.no_grad():
            tensors["last entry"][1, 1] += 1.0
            tensors["tiny"] += 1e-6
            tensors["all"].mul_(-1)

    found = answer.never_moved(tensors, step)
    expect_type("never_moved", list, found)
    expect(
        len(calls) == 1,
        ja="`step` の呼び出しが {count} 回です。呼ぶのは一度だけです。",
        en="`step` was called {count} times; it is one step.",
        count=len(calls),
    )
    still = torch.arange(1.0, 5.0).view(2, 2)
    expect(
        torch.equal(tensors["still"], still)
        and all(one.grad is None and one.requires_grad for one in tensors.values()),
        ja="`step` のほかに、何かがテンソルを変えました。",
        en="Something besides `step` has changed the tensors.",
    )
    expect(
        "tiny" not in found or "all" in found,
        ja="`{found}` と答えましたが、`tiny` はわずかに動きました。ビットまで比べてください。",
        en="The answer was `{found}`, and `tiny` has moved a little: compare to the bit.",
        found=found,
    )
    expect(
        found == ["still", "end"],
        ja="`{found}` と答えましたが、動かなかったのは `{right}` です。in-place での書き換えは、"
        "コピーと比べないと見えません。",
        en="The answer was `{found}`; `{right}` did not move. Writing in place is only seen beside a copy.",
        found=found,
        right=["still", "end"],
    )


def check_a_new_head(answer):
    """after replacing, the optimizer holds the new head with the old one's options, and nothing stale
    取り替えたあと、オプティマイザは古いヘッドと同じ設定で新しいヘッドを持ち、古いものは残らない"""
    for place in (0, 1):
        model, _, _ = setting()
        weight, bias = model.unused.weight, model.unused.bias
        mixed = [weight, model.head.weight, model.head.bias] if place else [model.head.bias, model.head.weight, weight]
        groups = [
            {"params": mixed, "lr": 0.5, "momentum": 0.9},
            {"params": [bias], "lr": 0.01, "momentum": 0.9},
        ]
        optimizer = torch.optim.SGD(groups[::-1] if place else groups, lr=0.1)
        for one in model.parameters():
            one.grad = torch.ones_like(one)
        optimizer.step()
        old, kept = set(model.head.parameters()), set(model.unused.parameters())
        new = nn.Linear(4, 7)
        answer.replace_head(model, new, optimizer)
        lists = [set(group["params"]) for group in optimizer.param_groups]
        rates = [group["lr"] for group in optimizer.param_groups]
        right = [{weight, *new.parameters()}, {bias}]
        expect(
            model.head is new
            and lists == (right[::-1] if place else right)
            and rates == ([0.01, 0.5] if place else [0.5, 0.01]),
            ja="グループの中身か設定が違います(個数 `{sizes}`、学習率 `{rates}`)。"
            "新しいパラメータは、古いものがあったグループに、古いものの代わりに入れます。",
            en="The groups or their options are not right (sizes `{sizes}`, rates `{rates}`). The new parameters "
            "belong "
            "into the group of the old ones, in place of them.",
            sizes=[len(one) for one in lists],
            rates=rates,
        )
        expect(
            not old & set(optimizer.state) and kept <= set(optimizer.state),
            ja="オプティマイザの状態(モメンタムなど)は、古いヘッドの分だけを消します。",
            en="Of what the optimizer kept (momentum), forget what is about the old head, and that alone.",
        )
        before = new.weight.detach().clone()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
        expect(
            not torch.equal(before, new.weight),
            ja="取り替えたあとの `step()` で、新しいヘッドが動きません。",
            en="After replacing, a `step()` does not move the new head.",
        )
