"""Checks of exercise 26: ranks that took no part, parts of any size, differences anywhere, the step on all samples."""

import copy

import torch
from torch import nn

from gradcheck_lm.course.expect import expect, expect_type
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")
MAY_CHANGE = {"average_gradients": {"grad"}, "train_step": {"grad", "value"}}  # what they are there to do


class Model(nn.Module):
    """Two heads, of which a rank may use one, and a layer that nobody uses."""

    def __init__(self):
        super().__init__()
        self.body, self.rare, self.unused = nn.Linear(3, 4), nn.Linear(4, 1), nn.Linear(2, 2)
        self.head = nn.Linear(4, 1)

    def forward(self, x, rare=False):
        return (self.rare if rare else self.head)(self.body(x).tanh())[:, 0]


def replicas(ranks=3):
    """The same model on every rank."""
    torch.manual_seed(261)
    model = Model().double()
    return [copy.deepcopy(model) for _ in range(ranks)]


def gradients_on(models, rare=()):
    """Gradients of different data in .grad; the ranks in `rare` use the other head."""
    for rank, model in enumerate(models):
        torch.manual_seed(270 + rank)
        ((rank + 1) * model(torch.randn(5, 3).double(), rare=rank in rare)).square().mean().backward()


def expect_averaged(answer, ranks, rare):
    """Average the gradients of some ranks, and compare with what was there before."""
    models = replicas(ranks)
    gradients_on(models, rare)
    before = [{name: one.grad for name, one in model.named_parameters()} for model in models]
    before = [{name: None if one is None else one.clone() for name, one in each.items()} for each in before]
    answer.average_gradients(models)
    for rank, model in enumerate(models):
        for name, one in model.named_parameters():
            given = [each[name] for each in before if each[name] is not None]
            right = sum(given) / ranks if given else None
            expect(
                (one.grad is None) == (right is None) and (right is None or torch.allclose(one.grad, right)),
                ja="{ranks} ランクのうち {used} ランクが使った `{name}` の勾配が、ランク {rank} で違います。"
                "使わなかったランクは 0 として数え、ランクの総数で割ります。",
                en="The gradient of `{name}`, which {used} of {ranks} ranks have used, is not right on rank {rank}. A "
                "rank that did not use it counts as 0, and the divisor is the number of all ranks.",
                ranks=ranks,
                used=len(given),
                name=name,
                rank=rank,
            )
    return models


def check_average(answer):
    """the mean over all ranks on each, where all of them took part
    すべてのランクが使ったパラメータの、全ランクについての平均"""
    for ranks in (2, 3, 1):
        expect_averaged(answer, ranks, rare=())


def check_average_of_some(answer):
    """a rank that did not use a parameter counts as 0
    パラメータを使わなかったランクは 0 として数える"""
    for ranks, rare in ((2, (1,)), (3, (0,)), (3, (0, 2)), (3, (0, 1, 2))):
        expect_averaged(answer, ranks, rare)


def check_own_tensors(answer):
    """each rank has gradients of its own
    勾配のテンソルはランクごとに別のもの"""
    models = expect_averaged(answer, 2, rare=(1,))
    models[0].zero_grad(set_to_none=False)
    expect(
        all(bool(one.grad.any()) for name, one in models[1].named_parameters() if "unused" not in name),
        ja="ランク 0 の勾配を 0 にすると、ランク 1 の勾配も 0 になりました。同じテンソルを共有しています。",
        en="With the gradients of rank 0 set to 0 those of rank 1 are 0 as well: they share a tensor.",
    )


def check_share(answer):
    """averaged over the ranks, the gradient of the mean over all samples, parts of any size
    ランクについて平均すると、全サンプルの平均の勾配になる(サンプル数が違っても)"""
    for sizes in ((4, 4), (6, 2), (5, 1, 3), (3, 0), (7,)):
        torch.manual_seed(262)
        weight = torch.randn(3, dtype=torch.float64, requires_grad=True)
        parts = [torch.randn(size, 3, dtype=torch.float64) for size in sizes]
        total, values = [], []
        for part in parts:
            found = answer.share_of_loss((part @ weight).sin().square(), sum(sizes), len(sizes))
            expect_type("share_of_loss", torch.Tensor, found, kind=TENSOR)
            expect(
                found.shape == () and found.requires_grad,
                ja="`{found}` が返りました。`backward()` を呼べる一つの数 `()` を返してください。",
                en="It gives `{found}`; it should be one number, `()`, that `backward()` can be called on.",
                found=found.tolist(),
            )
            values.append(found.item())
            total.append(torch.autograd.grad(found, weight)[0])
        loss = (torch.cat(parts) @ weight).sin().square().mean()
        (right,) = torch.autograd.grad(loss, weight)
        mean, value = torch.stack(total).mean(0), sum(values) / len(values)
        expect(
            abs(value - loss.item()) < 1e-9,
            ja="サンプル数が `{sizes}` のとき、ランクについて平均した値が {value:.4g} です(正しくは {loss:.4g})。"
            "自分のサンプルの和を取り、ランク数を掛け、全サンプル数で割ります。",
            en="With `{sizes}` samples the mean over the ranks is {value:.4g}; it should be {loss:.4g}: the sum over "
            "one's own samples, times the number of ranks, over the number of all samples.",
            sizes=sizes,
            value=value,
            loss=loss,
        )
        expect(
            torch.allclose(mean, right),
            ja="サンプル数が `{sizes}` のとき、平均した勾配のノルムが {got:.4g} です(正しくは {size:.4g})。"
            "どのサンプルも同じ重みで数えます。",
            en="With `{sizes}` samples the averaged gradient has the norm {got:.4g}, and should have {size:.4g}: every "
            "sample counts the same.",
            sizes=sizes,
            got=mean.norm(),
            size=right.norm(),
        )


class Normed(nn.Module):
    """With running statistics, which are buffers, a number among them."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)


def check_apart(answer):
    """whichever rank differs, and however little, in parameters and buffers
    どのランクが違っても、どんなに小さな差でも、パラメータでもバッファでも見つける"""
    torch.manual_seed(263)
    model = Normed().double()
    for entry in model.state_dict().values():
        entry.copy_(torch.rand(entry.shape) + 1)  # nowhere 0: another sign is another number
    names = list(model.state_dict())
    cases = [((), 2), ((), 3), *(((name,), ranks) for name in names for ranks in (2, 3)), ((names[-1], names[1]), 3)]
    for number, (changed, ranks) in enumerate(cases):
        for rank in range(ranks):
            models = [copy.deepcopy(model) for _ in range(ranks)]
            for name in changed:
                entry = models[rank].state_dict()[name].view(-1)
                if number % 2:
                    entry[-1] += 1 if entry.dtype == torch.int64 else 1e-12
                else:
                    entry[-1] *= -1
            found = answer.apart(models)
            expect_type("apart", list, found)
            right = [name for name in names if name in changed]
            expect(
                found == right,
                ja="{ranks} ランクのうちランク {rank} の `{right}` を少しだけ変えましたが、`{found}` と答えました。",
                en="On rank {rank} of {ranks}, `{right}` was changed a little; the answer was `{found}`.",
                ranks=ranks,
                rank=rank,
                right=right,
                found=found,
            )


def losses(model, batch):
    """(n,) losses; a batch is a list of pairs, and may be empty."""
    inputs = torch.stack([one for one, _ in batch]) if batch else torch.zeros(0, 3).double()
    targets = torch.stack([one for _, one in batch]) if batch else torch.zeros(0).double()
    return (model(inputs) - targets).square()


def samples(count, seed=264):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, 4, dtype=torch.float64, generator=generator)
    return [(one[:3], one[3]) for one in drawn]


def stepped_by_hand(model, batch, rate, limit):
    """The weights after one step of one model on all samples, by name."""
    gradients = torch.autograd.grad(losses(model, batch).mean(), list(model.parameters()), allow_unused=True)
    norm = torch.stack([one.norm() for one in gradients if one is not None]).norm()
    factor = rate * min(1.0, float(limit / norm))
    named = zip(model.named_parameters(), gradients, strict=True)
    return {name: (one if slope is None else one - factor * slope).detach() for (name, one), slope in named}


def check_step(answer):
    """on every rank the step of one model on all samples, clipped or not, and no gradient is left
    どのランクも、全サンプルでの更新と一致し(クリッピングの有無によらず)、勾配が残らない"""
    for sizes in ((4, 4), (6, 2), (5, 1, 3), (3, 0), (4,)):
        for limit in (1e9, 0.05):
            models = replicas(len(sizes))
            for model in models:
                for one in model.parameters():
                    one.grad = torch.ones_like(one)  # left over from before
            everything = samples(sum(sizes))
            parts = [everything[sum(sizes[:place]) : sum(sizes[: place + 1])] for place in range(len(sizes))]
            right = stepped_by_hand(models[0], everything, 0.3, limit)
            found = answer.train_step(models, parts, losses, 0.3, limit)
            expect(
                found is True,
                ja="更新したのに `{found}` が返りました。`True` を返してください。",
                en="The step was taken, and the result is `{found}`; it should be `True`.",
                found=found,
            )
            for rank, model in enumerate(models):
                for name, one in model.named_parameters():
                    expect(
                        torch.allclose(one, right[name], rtol=1e-4, atol=1e-9),
                        ja="サンプル数が `{sizes}`、limit が `{limit}` のとき、ランク {rank} の `{name}` が、"
                        "全サンプルでの更新と違います。重み付け、平均、クリッピングの順に行います。",
                        en="With `{sizes}` samples and a limit of `{limit}`, `{name}` of rank {rank} is not what the "
                        "step on all samples gives. First weigh, then average, then clip.",
                        sizes=sizes,
                        limit=limit,
                        rank=rank,
                        name=name,
                    )
                expect(
                    all(one.grad is None for one in model.parameters()),
                    ja="終わったあとに、ランク {rank} の `.grad` が残っています。",
                    en="Afterwards `.grad` of rank {rank} is left.",
                    rank=rank,
                )


def check_together(answer):
    """where one rank's gradient is not finite, nobody steps
    一つのランクの勾配でも有限でなければ、どのランクも更新しない"""
    for bad in (float("inf"), float("nan")):
        for rank in range(3):
            models = replicas(3)
            before = models[0].state_dict()
            before = {name: one.clone() for name, one in before.items()}
            parts = [samples(2), samples(3, seed=265), samples(2, seed=266)]
            spoiled, target = parts[rank][-1]
            parts[rank][-1] = (spoiled * bad, target)
            found = answer.train_step(models, parts, losses, 0.3, 1.0)
            expect(
                found is False,
                ja="ランク {rank} に `{bad}` があるのに、`{found}` が返りました。`False` を返してください。",
                en="Rank {rank} has met `{bad}`, and the result is `{found}`; it should be `False`.",
                rank=rank,
                bad=bad,
                found=found,
            )
            for other, model in enumerate(models):
                expect(
                    all(torch.equal(one, before[name]) for name, one in model.state_dict().items()),
                    ja="ランク {rank} に `{bad}` があるとき、ランク {other} の重みが変わりました。"
                    "どのランクも同じ判断をします。",
                    en="Where rank {rank} has met `{bad}` the weights of rank {other} have changed: all ranks decide "
                    "alike.",
                    rank=rank,
                    bad=bad,
                    other=other,
                )
                expect(
                    all(one.grad is None for one in model.parameters()),
                    ja="ランク {rank} に `{bad}` があって更新しなかったとき、ランク {other} に勾配が残りました。",
                    en="Where rank {rank} has met `{bad}` and no step was taken, a gradient is left on rank {other}.",
                    rank=rank,
                    bad=bad,
                    other=other,
                )
