"""Checks of exercise 3: smooth functions, staircases, cut and wrong gradients."""

import torch

from gradcheck_lm.course.expect import case, expect, expect_type
from gradcheck_lm.course.toys import collapse, story


def start():
    """A point of odd shape in double precision, and a direction."""
    torch.manual_seed(5)
    return torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)


def cubes(x):
    """A smooth function whose third derivative is not zero."""
    return (x**3).sum() + x[0, 1] * x[1, 2]


class WrongSide(torch.autograd.Function):
    """x squared, with half of the right gradient where sign * x is negative."""

    @staticmethod
    def forward(ctx, x, sign):
        ctx.save_for_backward(x)
        ctx.sign = sign
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * torch.where(ctx.sign * x < 0, x, 2 * x), None


class WrongBackward(torch.autograd.Function):
    """x squared, with a gradient that is half of the right one."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x


def check_point_is_left_alone(answer):
    """measuring does not move the point
    測っても、元の点は動かない"""
    point, direction = start()
    before = point.clone()
    slope = answer.central_difference(cubes, point, direction, 1e-3)
    expect_type("central_difference", float, slope)
    expect(
        torch.equal(point, before),
        ja="元の点が動いてしまいました。`+=` はテンソルをその場で書き換えます。`point + step * direction` を使います。",
        en="The point itself has moved: `+=` changes a tensor in place. Use `point + step * direction`.",
    )


def check_slope_of_a_smooth_function(answer):
    """the error of the slope falls with the square of the step
    傾きの誤差は、幅の 2 乗で小さくなる"""
    point, direction = start()
    inside = point.clone().requires_grad_()
    truth = float((torch.autograd.grad(cubes(inside), inside)[0] * direction).sum())
    wide, narrow = (abs(answer.central_difference(cubes, point, direction, step) - truth) for step in (1e-1, 1e-2))
    expect(
        narrow < 0.05 * abs(truth),
        ja="傾きの値が違います(誤差 {error:.3g}、正しい傾きは {truth:.3g})。全体の幅で割りましたか。",
        en="The slope is wrong (off by {error:.3g} from {truth:.3g}). Did you divide by the whole distance?",
        error=narrow,
        truth=truth,
    )
    expect(
        narrow < wide / 50,
        ja="幅を `1/10` にしても、誤差は `1/{ratio:.0f}` にしかなりません。片側だけの差分ではありませんか。",
        en="With a step of one tenth the error is only `1/{ratio:.0f}`. Is this a difference to one side only?",
        ratio=wide / max(narrow, 1e-300),
    )
    tiny = abs(answer.central_difference(cubes, point, direction, 1e-5) - truth)
    expect(
        tiny < 1e-6 * abs(truth),
        ja="幅がごく小さいとき、値がくずれます。計算の途中で単精度(`float32`)に落としていませんか。",
        en="With a very small step the value breaks down. Does the calculation fall to single precision (`float32`)?",
    )


def check_edge_of_the_staircase(answer):
    """the string is the same before the edge and another one behind it
    角の手前では文字列が同じで、越えると変わる"""
    recogniser, language_model, frames = story(dtype=torch.float64)
    logits = recogniser(frames).detach()
    direction = torch.zeros_like(logits)
    direction[-2, 0, 2] = direction[-3, 0, 2] = 1.0

    def score(x):
        return language_model.score(collapse(x.argmax(-1)[:, 0].tolist())).detach()

    for bent, far, rounds in ((1.0, 16.0, 60), (7.0, 16.0, 60), (21.0, 64.0, 70)):
        start_at = torch.tensor([[40.0], [3.0], [1.0]], dtype=torch.float64)
        ahead = torch.tensor([[0.5], [-1.0], [0.0]], dtype=torch.float64)

        def stair(x, bent=bent, start_at=start_at, ahead=ahead):
            return 5.0 + 1e-9 * float(((x - start_at) * ahead).sum() >= bent * float(ahead.square().sum()))

        given = {} if far == 16.0 else {"far": far, "rounds": rounds}
        found = answer.edge_of_step(stair, start_at, ahead, **given)
        expect(
            found is not None and abs(found - bent) < 1e-9,
            ja="角は `{bent}` にありますが、`{found}` と答えました(`far` は `{far}`)。"
            "どんなに小さな変化も変化です。引数の `point`、`direction`、`far`、`rounds` をすべて使います。",
            en="The edge is at `{bent}`, and the answer was `{found}` (with `far` at `{far}`). Any change is a change, "
            "however small; and `point`, `direction`, `far` and `rounds` are all to be used.",
            bent=bent,
            found=found,
            far=far,
        )
    rough = answer.edge_of_step(stair, start_at, ahead, far=64.0, rounds=4)
    expect(
        rough is not None and 0 < abs(rough - 21.0) <= 4.0,
        ja="`rounds` が `4` なら、分かるのは `far` の `1/16` の幅までです。`{found}` と答えました。",
        en="With `rounds` at `4` the edge is known to `1/16` of `far`; the answer was `{found}`.",
        found=rough,
    )
    edge = answer.edge_of_step(score, logits, direction)
    expect_type("edge_of_step", float, edge)
    values = [float(score(logits + edge * scale * direction)) for scale in (1 - 1e-9, 1 + 1e-9)]
    expect(
        values[0] == float(score(logits)) and values[1] != values[0],
        ja="`{edge:.6g}` は角ではありません。その少し手前と少し先で、文字列が変わるはずです。",
        en="`{edge:.6g}` is not the edge: a little before and a little behind it the string should differ.",
        edge=edge,
    )


def check_where_there_is_no_edge(answer):
    """a function that never changes has no edge
    変わらない関数には角がない"""
    point, direction = start()
    far_off = torch.tensor([[-90.0, -80.0], [4.0, 2.0]], dtype=torch.float64)
    beyond = answer.edge_of_step(
        lambda x: float(x[0].max() > 10) + float(x[1, 1] > 50),
        far_off,
        torch.tensor([[2.0, 1.0], [0.0, -3.0]]).double(),
    )
    expect(
        beyond is None,
        ja="角は `far` より先にあるのに、`{found}` と答えました。`point` から `direction` の向きに進みます。",
        en="The edge lies beyond `far`, and the answer was `{found}`: go from `point` along `direction`.",
        found=beyond,
    )
    found = answer.edge_of_step(lambda x: (x * 0).sum(), point, direction)
    expect(
        found is None,
        ja="まったく変わらない関数に、角 `{found}` があると答えました。先に一番遠い所を調べます。",
        en="A function that never changes was said to have an edge at `{found}`. Look at the far end first.",
        found=found,
    )


def check_deceivers(answer):
    """a cut loss, a staircase, an exact zero and a lost path do not pass
    切断、階段、ちょうど 0、経路のない損失は合格しない"""
    point, _ = start()
    point.requires_grad_()
    other = torch.ones(3, dtype=torch.float64, requires_grad=True)
    deceivers = {
        case("x.argmax(-1)"): lambda x: x.argmax(-1).double().sum(),
        case("x.detach() ** 2"): lambda x: (x.detach() ** 2).sum(),
        case("x.round() + x - x"): lambda x: (x.round() + x - x).sum(),
        case("x * 0"): lambda x: (x * 0).sum(),
        case("another leaf", "勾配が届くのは別の葉テンソル"): lambda x: (other * x.detach()).sum(),
        case("NaN", "値は正しいが勾配は NaN"): lambda x: torch.where(x > 9, (x - 9).sqrt(), x * 0).sum() + (x**2).sum(),
    }
    for name, function in deceivers.items():
        expect(
            answer.honest_gradcheck(function, point) is False,
            ja="損失{name}に合格を出しました。値を比べる前に、経路があるか、勾配が 0 でないかを調べてください。",
            en="You let the loss {name} pass. Before values are compared, "
            "ask for the path, and whether the gradient is zero.",
            name=name,
        )


def check_right_and_wrong_gradients(answer):
    """right gradients pass, a wrong one does not
    正しい勾配は合格し、間違った勾配は合格しない"""
    point, _ = start()
    point.requires_grad_()
    healthy = {
        case("(x ** 3).sum()"): cubes,
        case("x.softmax(-1) ** 2"): lambda x: (x.softmax(-1) ** 2).sum(),
        case("one entry alone", "一つの要素だけの三乗"): lambda x: x[1, 2] ** 3,
        case("a small gradient", "小さい勾配"): lambda x: (x**2).sum() * 1e-4,
    }
    for name, function in healthy.items():
        expect(
            answer.honest_gradcheck(function, point) is True,
            ja="正しい勾配を持つ損失{name}が不合格になりました。",
            en="The loss {name} has the right gradient, and was refused.",
            name=name,
        )
    corner = torch.tensor([-1.0, -2.0, -0.5], dtype=torch.float64, requires_grad=True)
    expect(
        answer.honest_gradcheck(lambda x: x.relu().sum(), corner) is False
        and answer.honest_gradcheck(lambda x: (-x).relu().sum(), corner) is True,
        ja="`relu` の勾配は、負の所では 0、正の所では 1 です。渡された点そのもので調べてください。",
        en="The gradient of `relu` is 0 where its input is negative and 1 where it is positive: ask at the very point "
        "that was passed.",
    )
    rows = torch.tensor([[-1.0, -2.0], [3.0, 0.5]], dtype=torch.float64, requires_grad=True)
    expect(
        answer.honest_gradcheck(lambda x: x.relu().square().sum(), rows) is True,
        ja="一行目の勾配は 0 ですが、二行目には届きます。すべての行を調べてください。",
        en="In the first row the gradient is 0, in the second it is not: ask all rows.",
    )
    for sign in (1, -1):
        side = sign * torch.tensor([-1.0, -0.5], dtype=torch.float64)
        expect(
            answer.honest_gradcheck(lambda x, sign=sign: WrongSide.apply(x, sign).sum(), side.requires_grad_()) is False
            and answer.honest_gradcheck(lambda x, sign=sign: WrongSide.apply(x, -sign).sum(), side) is True,
            ja="この点でだけ勾配が間違っている関数です。値も、渡された点で調べてください。",
            en="The gradient of this function is wrong on one side of 0 alone: compare values at the point passed.",
        )
    expect(
        answer.honest_gradcheck(lambda x: WrongBackward.apply(x).sum(), point) is False,
        ja="勾配が半分しかない関数に合格を出しました。経路があって 0 でなくても、値が違います。",
        en="You let a function with half the right gradient pass: "
        "there is a path, it is not zero, and its value is wrong.",
    )


def check_what_true_proves(answer):
    """what gradcheck's True proves
    gradcheck の True が証明すること"""
    expect(
        answer.TRUE_PROVES == "b",
        ja="`{choice}` ではありません。壊れたスコアにも `True` を返したことを思い出してください。"
        "勾配が届かなくても `True` になります。",
        en="Not `{choice}`: remember that it said `True` of the broken score, from which no gradient arrives.",
        choice=answer.TRUE_PROVES,
    )
