"""Checks of exercise 19: modes of each part before and after, errors on the way, statistics, chance."""

import contextlib

import torch
from torch import nn

from gradcheck_lm.course.expect import expect, expect_type

MAY_CHANGE = {
    "wavers": {"random"},
    "train_step": {"grad", "value", "mode", "random", "graph"},
}


class Wavering(nn.Module):
    """A model whose evaluation depends on chance, in the last bits of one entry."""

    def forward(self, x):
        noise = torch.zeros_like(x)
        if len(x) == 6:
            noise[-1, -1] = 1e-6 * (1 + torch.rand(()))
        return torch.ones_like(x) + noise


def network(last=None):
    """BatchNorm and dropout, with one part in a part."""
    torch.manual_seed(191)
    inner = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    return nn.Sequential(nn.Linear(3, 4), inner, nn.Linear(4, 2), last or nn.Identity())


def mixed(model):
    """Parts in different modes, on purpose."""
    model.train()
    model[1][0].eval()
    return model


def modes_of(model):
    return [part.training for part in model.modules()]


def check_evaluation(answer):
    """the value is that of evaluation mode, without a graph, and statistics stay
    値は評価モードのもので、計算グラフがなく、統計も動かない"""
    inputs, seen = torch.randn(6, 3), []
    for prepare in (nn.Module.train, mixed, nn.Module.eval):
        model = network()
        prepare(model)
        kept = model[1][0].running_mean.clone()
        reference = network().eval()

        def measure(output):
            seen.append(output)
            return output.square().mean() - 5.0

        found = answer.evaluate(model, inputs, measure)
        expect_type("evaluate", float, found)
        right = reference(inputs).square().mean().item() - 5.0
        expect(
            abs(found - right) < 1e-6,
            ja="評価モードの値は {right:.4g} のはずですが、{found:.4g} でした。",
            en="In evaluation mode the value is {right:.4g}; it was {found:.4g}.",
            right=right,
            found=found,
        )
        expect(
            not seen[-1].requires_grad,
            ja="評価の出力に計算グラフがあります。`torch.no_grad()` の中で計算します。",
            en="The output of the evaluation has a graph: compute it within `torch.no_grad()`.",
        )
        expect(
            torch.equal(kept, model[1][0].running_mean),
            ja="BatchNorm の統計が動きました。評価モードで計算します。",
            en="The statistics of BatchNorm have moved: compute in evaluation mode.",
        )


def check_modes_are_put_back(answer):
    """every part is in its old mode afterwards, after an error too
    呼んだあと、エラーのあとでも、どの部品も元のモードに戻る"""
    inputs = torch.randn(6, 3)

    def broken(output):
        raise ArithmeticError("of the measure")

    for prepare in (nn.Module.train, mixed, nn.Module.eval):
        for measure in (torch.sum, broken):
            model = network()
            prepare(model)
            before = modes_of(model)
            with contextlib.suppress(ArithmeticError):
                answer.evaluate(model, inputs, measure)
            expect(
                modes_of(model) == before,
                ja="評価のあと、部品のモードが `{after}` になりました(前は `{before}`)。部品ごとに戻してください。",
                en="After the evaluation the modes of the parts are `{after}` (before, `{before}`): put each one back.",
                after=modes_of(model),
                before=before,
            )


def check_step(answer):
    """one step in training mode, frozen parts in evaluation, old gradients forgotten
    学習モードで 1 ステップ進み、凍結した部品は評価モードのまま、前の勾配は使わない"""
    inputs = torch.randn(6, 3) + 2
    for frozen_parts in ((), (1,)):
        for prepare in (nn.Module.train, nn.Module.eval):
            model, reference = network(), network()
            prepare(model)
            frozen = [model[place] for place in frozen_parts]
            reference.train()
            for place in frozen_parts:
                reference[place].eval()
            optimizers = [torch.optim.SGD(one.parameters(), lr=0.1) for one in (model, reference)]
            for parameter in model.parameters():
                parameter.grad = torch.ones_like(parameter)
            during = []

            def loss_of(one, during=during):
                during.append(modes_of(one))
                return one(inputs).square().mean()

            torch.manual_seed(1)
            right = loss_of(reference)
            right.backward()
            optimizers[1].step()
            torch.manual_seed(1)
            given = {"frozen": frozen} if frozen else {}
            found = answer.train_step(model, loss_of, optimizers[0], **given)
            expect_type("train_step", float, found)
            expect(
                len(during) == 2,
                ja="損失を計算した回数が {count} 回です。1 ステップでは一度だけ計算します。",
                en="The loss was computed {count} times; for one step it is once.",
                count=len(during) - 1,
            )
            expect(
                during[1] == during[0] and modes_of(model) == during[0],
                ja="損失を計算したときの部品のモードが `{found}` です。正しくは `{right}` です。",
                en="While the loss was computed the modes of the parts were `{found}`; they should be `{right}`.",
                found=during[-1],
                right=during[0],
            )
            same = all(torch.allclose(a, b) for a, b in zip(model.parameters(), reference.parameters(), strict=True))
            statistics = torch.allclose(model[1][0].running_mean, reference[1][0].running_mean)
            expect(
                statistics,
                ja="1 ステップのあとの BatchNorm の統計が違います。損失の計算は一度だけ、学習モードで行います。",
                en="The statistics of BatchNorm after the step are not right: compute the loss once, in training mode.",
            )
            expect(
                same,
                ja="1 ステップのあとの重みが違います。前から残った勾配を消し、一度だけ更新しましたか。",
                en="The weights after the step are not right. Were old gradients cleared, and was there one step?",
            )
            expect(
                abs(found - right.item()) < 1e-6,
                ja="返された損失は {found:.4g} ですが、正しくは {right:.4g} です。",
                en="The loss returned is {found:.4g}; it should be {right:.4g}.",
                found=found,
                right=right,
            )


def check_wavers(answer):
    """a wavering evaluation is found, and a dropout that evaluates is none
    揺れる評価を見つけ、評価で何も落とさない Dropout は挙げない"""
    inputs = torch.randn(6, 3) + 2
    for last, right in ((None, False), (Wavering(), True), (nn.Dropout(0.9), False)):
        for prepare in (nn.Module.train, mixed, nn.Module.eval):
            model = network(last)
            prepare(model)
            before, kept = modes_of(model), model[1][0].running_mean.clone()
            found = answer.wavers(model, inputs)
            expect(
                isinstance(found, bool) and found == right,
                ja="`{found}` と答えました。正しくは `{right}` です。評価モードで、同じ入力を二度通して比べます。",
                en="The answer was `{found}`; it should be `{right}`. Compare two calls with the same input, in "
                "evaluation mode.",
                found=found,
                right=right,
            )
            expect(
                modes_of(model) == before,
                ja="調べただけなのに、モードが変わりました。",
                en="Looking has changed the modes.",
            )
            expect(
                torch.equal(kept, model[1][0].running_mean),
                ja="調べただけなのに、BatchNorm の統計が変わりました。",
                en="Looking has changed the statistics of BatchNorm.",
            )


def check_block(answer):
    """values are dropped in training with the rate given, and none in evaluation
    学習モードでは指定した割合で落とし、評価モードでは落とさない"""
    for rate in (0.5, 0.2):
        torch.manual_seed(192)
        given = {} if rate == 0.5 else {"rate": rate}
        block, inputs = answer.Block(3, **given), torch.randn(400, 3) + 1
        plain = block.layer(inputs)
        block.eval()
        expect_type("Block.forward", torch.Tensor, block(inputs))
        expect(
            torch.allclose(block(inputs), plain),
            ja="評価モードの出力が、線形層の出力と違います。",
            en="In evaluation mode the output is not that of the linear layer.",
        )
        block.train()
        out = block(inputs)
        zeros = float((out == 0).float().mean())
        kept = out != 0
        expect(
            out.requires_grad,
            ja="学習モードの出力から、線形層の重みまで勾配が届きません。",
            en="From the output in training mode no gradient reaches the weights of the layer.",
        )
        expect(
            abs(zeros - rate) < 0.1 and torch.allclose(out[kept], (plain / (1 - rate))[kept], atol=1e-5),
            ja="学習モードで落とした割合は {zeros:.2f} です(`rate` は {rate})。残った値は `1 / (1 - rate)` 倍です。",
            en="In training mode a share of {zeros:.2f} is dropped (`rate` is {rate}); what stays is multiplied by "
            "`1 / (1 - rate)`.",
            zeros=zeros,
            rate=rate,
        )
