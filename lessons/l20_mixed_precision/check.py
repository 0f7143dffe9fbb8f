"""Checks of exercise 20: weights in float16, true zeros beside lost ones, overflow, and the order of a clipped "
"step."""

import math

import torch
from torch import nn

from gradcheck_lm.course.expect import expect, expect_type
from gradcheck_lm.course.language import Words

MAY_CHANGE = {"train_step": {"grad", "value", "graph"}}


def half_precision(weight, dtype=torch.float16):
    """A loss in float32 of two parameters; in float16 a small weight loses their gradients. One input is always 0."""
    generator = torch.Generator().manual_seed(201)
    inputs = torch.randn(6, 4, generator=generator)
    inputs[:, 2] = 0.0  # its gradients are true zeros
    matrix = torch.randn(3, 4, generator=generator).div(2).to(dtype).requires_grad_()
    shift = torch.randn(3, generator=generator).to(dtype).requires_grad_()
    out = (inputs.to(dtype) @ matrix.T + shift).float()
    return weight * (out - 1.0).square().mean(), [matrix, shift]


def exact(weight):
    """The gradients of the same loss, computed from the same values in float64."""
    _, parameters = half_precision(weight)
    generator = torch.Generator().manual_seed(201)
    inputs = torch.randn(6, 4, generator=generator)
    inputs[:, 2] = 0.0
    matrix, shift = (one.detach().double().requires_grad_() for one in parameters)
    out = inputs.half().double() @ matrix.T + shift
    return torch.autograd.grad(weight * (out - 1.0).square().mean(), [matrix, shift])


def check_scaled_gradients(answer):
    """gradients that float16 rounds to 0 are there, in float32 and of the right value
    float16 では 0 に丸められる勾配が、float32 の正しい値で返る"""
    for weight, scale in ((1e-7, 2.0**16), (-1e-3, 2.0**12), (3.0, 1.0), (1e-10, 2.0**30)):
        loss, parameters = half_precision(weight)
        found = answer.scaled_gradients(loss, parameters, scale)
        expect_type("scaled_gradients", list, found, kind=Words("リスト", "a list"))
        right = exact(weight)
        expect(
            len(found) == len(right) and all(one.dtype is torch.float32 for one in found),
            ja="勾配は、パラメータと同じ数の float32 テンソルです。型は `{dtypes}` でした。",
            en="There should be one float32 tensor for each parameter; the dtypes were `{dtypes}`.",
            dtypes=[str(one.dtype) for one in found],
        )
        off = max(float((a - b).norm() / b.norm()) for a, b in zip(found, right, strict=True))
        expect(
            off < 0.01 and all(a.shape == b.shape for a, b in zip(found, right, strict=True)),
            ja="損失の係数 `{weight:g}`、スケール `{scale:g}` で、正しい勾配との相対差が {off:.3g} です。"
            "損失を大きくし、float32 で割っていますか。",
            en="With the loss multiplied by `{weight:g}` and the scale `{scale:g}` the gradient is off by {off:.3g} "
            "of its size. Is the loss made larger, and the division done in float32?",
            weight=weight,
            scale=scale,
            off=off,
        )


def check_overflow(answer):
    """where an entry of the scaled gradients is not finite there is no answer
    スケールした勾配に有限でない成分があれば、None を返す"""
    for place in (0, 1):
        for sign in (1.0, -1.0):
            parameters = [torch.ones(2, 3, requires_grad=True), torch.ones(4, requires_grad=True)]
            weights = [torch.ones(2, 3), torch.ones(4)]
            weights[place].view(-1)[1] = sign * 3e38
            loss = sum((one * weight).sum() for one, weight in zip(parameters, weights, strict=True))
            found = answer.scaled_gradients(loss, parameters, 1024.0)
            expect(
                found is None,
                ja="スケールした勾配の一つの成分が無限大なのに、`None` を返しませんでした。"
                "このまま更新すると重みが壊れます。",
                en="One entry of the scaled gradients is infinite, and the answer was not `None`: a step with it "
                "ruins the weights.",
            )
            found = answer.scaled_gradients(loss, parameters, 0.5)
            expect(
                found is not None and torch.allclose(found[place], weights[place]),
                ja="スケールを小さくすれば有限なのに、正しい勾配が返りません。",
                en="With a smaller scale all is finite, and the gradient is not the right one.",
            )


def check_underflowed(answer):
    """lost entries are counted, each of them, and true zeros are not
    失われた成分を一つずつ数え、本当の 0 は数えない"""
    for weight, scale in ((1e-7, 2.0**16), (1e-7, 4.0), (-1e-7, 2.0**16), (1.0, 2.0**10), (1e-11, 2.0**16)):
        loss, parameters = half_precision(weight)
        found = answer.underflowed(loss, parameters, **({} if scale == 2.0**16 else {"scale": scale}))
        expect_type("underflowed", int, found, kind=Words("整数", "an int"))
        plain, larger = (
            torch.cat([one.flatten() for one in torch.autograd.grad(factor * loss, parameters, retain_graph=True)])
            for factor in (1.0, scale)
        )
        right = int((larger != 0).sum() - (plain != 0).sum())
        expect(
            found == right,
            ja="損失の係数 `{weight:g}`、スケール `{scale:g}` で、`{found}` 個と答えました。正しくは `{right}` "
            "個です。損失を大きくしても 0 の成分は、失われたのではありません。",
            en="With the loss multiplied by `{weight:g}` and the scale `{scale:g}` the answer was `{found}`; it "
            "should be `{right}`. An entry that is 0 with a larger loss too was not lost.",
            weight=weight,
            scale=scale,
            found=found,
            right=right,
        )


def check_next_scale(answer):
    """the scale over many steps is that of torch.amp.GradScaler
    何ステップ続けても、スケールは torch.amp.GradScaler と同じになる"""
    for interval in (2000, 3, 1):
        given = {} if interval == 2000 else {"interval": interval}
        steps = [True] * 4 + [False, True, False, False] + [True] * (2000 if interval == 2000 else 9)
        scale, good = 64.0, 0
        right, streak = 64.0, 0
        for place, finite in enumerate(steps):
            found = answer.next_scale(scale, good, finite, **given)
            expect_type("next_scale", tuple, found, kind=Words("二つの数の組", "a tuple of two numbers"))
            streak = streak + 1 if finite else 0
            factor = 0.5 if not finite else 2.0 if streak == interval else 1.0
            right, streak = right * factor, 0 if streak == interval else streak
            scale, good = found
            expect(
                (scale, good) == (right, streak),
                ja="interval が `{interval}` のとき、`{place}` ステップ目の後が `{found}` です(正しくは `{wanted}`)。"
                "有限なステップが、このステップも数えて interval 回続いたら倍、有限でなければ半分にし、"
                "どちらでも数え直します。",
                en="With an interval of `{interval}` the answer after step `{place}` is `{found}` (should be "
                "`{wanted}`). After so many finite steps in a row, this one counted, it doubles; after one that is not "
                "finite it halves; and both begin the count anew.",
                interval=interval,
                place=place + 1,
                found=found,
                wanted=(right, streak),
            )


def network():
    torch.manual_seed(202)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))


def check_step(answer):
    """the same step as in float32, clipped to the same norm, old gradients forgotten, whatever the scale
    どのスケールでも float32 と同じだけ進み、同じノルムにクリッピングし、前の勾配は使わない"""
    inputs = torch.randn(7, 5)
    for max_norm, scale in ((1.0, 2.0**8), (0.05, 2.0**12), (100.0, 2.0**4)):
        model, reference = network(), network()
        optimizers = [torch.optim.SGD(one.parameters(), lr=0.5) for one in (model, reference)]
        scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=2)
        given = {} if max_norm == 1.0 else {"max_norm": max_norm}
        for _ in range(2):
            for parameter in model.parameters():
                parameter.grad = torch.ones_like(parameter)

            def loss_of(one=model):
                with torch.autocast("cpu", dtype=torch.float16):
                    out = one(inputs)
                return 2.0 * out.float().square().mean()

            found = answer.train_step(loss_of, list(model.parameters()), optimizers[0], scaler, **given)
            expect_type("train_step", float, found, kind=Words("float", "a float"))
            optimizers[1].zero_grad()
            (2.0 * reference(inputs).square().mean()).backward()
            norm = nn.utils.clip_grad_norm_(reference.parameters(), max_norm).item()
            optimizers[1].step()
            expect(
                scaler.get_scale() == scale or abs(2 * found - norm) > 0.02 * norm,
                ja="クリッピング前のノルムが、正しい値のちょうど半分の {found:.4g} です。"
                "`scaler.update()` はスケールを倍にすることがあります。割るのは `update()` の前のスケールです。"
                "`unscale_` なら自分で割る必要はありません。",
                en="The norm before clipping is {found:.4g}, just half of what it should be. `scaler.update()` may "
                "double the scale: divide by the one from before, or let `unscale_` do it.",
                found=found,
            )
            expect(
                abs(found - norm) < 0.02 * norm or found > 2 * norm,
                ja="クリッピング前のノルムが {found:.4g} です。正しくは {norm:.4g} です。"
                "この損失の勾配だけですか。前から残った勾配は消してから計算します。",
                en="The norm before clipping is {found:.4g}; it should be {norm:.4g}. Is it the gradient of this loss "
                "alone? Clear the old ones first.",
                found=found,
                norm=norm,
            )
            expect(
                abs(found - norm) < 0.02 * norm,
                ja="クリッピング前のノルムが {found:.4g} です。正しくは {norm:.4g} です(スケールは `{scale:g}`)。"
                "まだスケールの掛かった勾配ではありませんか。",
                en="The norm before clipping is {found:.4g}; it should be {norm:.4g} (the scale is `{scale:g}`). Is "
                "the gradient still multiplied by it?",
                found=found,
                norm=norm,
                scale=scale,
            )
            moved = max(
                (a - b).abs().max().item() for a, b in zip(model.parameters(), reference.parameters(), strict=True)
            )
            expect(
                moved < 0.01 * min(norm, max_norm),
                ja="max_norm が `{max_norm:g}` のとき、1 ステップあとの重みが正しい値から {moved:.3g} 離れています。",
                en="With a max_norm of `{max_norm:g}` the weights after the step are off by {moved:.3g}.",
                max_norm=max_norm,
                moved=moved,
            )
        expect(
            scaler.get_scale() == 2 * scale,
            ja="二ステップのあと、スケールが `{found:g}` です(正しくは `{right:g}`)。`scaler.update()` は毎回、"
            "一度だけ呼びます。",
            en="After two steps the scale is `{found:g}` (should be `{right:g}`): call `scaler.update()` once a step.",
            found=scaler.get_scale(),
            right=2 * scale,
        )


def check_step_left_out(answer):
    """a step whose gradients are not finite moves nothing and makes the scale smaller, and the next one goes on
    勾配が有限でないステップでは重みを動かさずスケールを小さくし、次のステップは続けられる"""
    inputs = torch.randn(7, 5)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24)
    before = [one.detach().clone() for one in model.parameters()]

    def loss_of():
        with torch.autocast("cpu", dtype=torch.float16):
            out = model(inputs)
        return out.float().square().mean()

    norm = answer.train_step(loss_of, list(model.parameters()), optimizer, scaler)
    same = all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    expect(
        same,
        ja="勾配が有限でないのに、重みが動きました。更新は `scaler.step(optimizer)` に任せます。",
        en="The gradients are not finite, and weights have moved: leave the step to `scaler.step(optimizer)`.",
    )
    expect(
        not math.isfinite(norm),
        ja="勾配が有限でないのに、返されたノルムは {norm:.4g} です。",
        en="The gradients are not finite, and the norm returned is {norm:.4g}.",
        norm=norm,
    )
    expect(
        scaler.get_scale() == 2.0**23,
        ja="飛ばしたステップのあと、スケールは半分の `{right:g}` のはずですが、`{found:g}` です。",
        en="After a step left out the scale is halved to `{right:g}`; it is `{found:g}`.",
        right=2.0**23,
        found=scaler.get_scale(),
    )
    steps = 0
    while steps < 30 and all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True)):
        answer.train_step(loss_of, list(model.parameters()), optimizer, scaler)
        steps += 1
    expect(
        steps < 30,
        ja="スケールが下がっても、重みがいつまでも動きません。",
        en="The scale has come down, and the weights still do not move.",
    )
