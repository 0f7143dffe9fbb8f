"""Checks of exercise 15: unequal micro-batches, old gradients, a carried state, two players."""

import torch
from torch import nn

from gradcheck_lm.course.expect import expect, expect_type

MAY_CHANGE = {
    "accumulate": {"value", "grad"},
    "train_on_chunks": {"value", "grad"},
    "step_of_one_player": {"value", "grad", "graph"},
}


class CountedSGD(torch.optim.SGD):
    """An optimizer that counts its steps."""

    steps = 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)


def mean_square(model, batch):
    """The mean loss of a batch of rows of five numbers, the last of which is the target."""
    return (model(batch[:, :4])[:, 0] - batch[:, 4]).square().mean()


def setting():
    """A model in double precision, its optimizer, and ten rows."""
    torch.manual_seed(15)
    model = nn.Linear(4, 1).double()
    return model, CountedSGD(model.parameters(), lr=0.1), torch.randn(10, 5, dtype=torch.float64)


def check_unequal_micro_batches(answer):
    """one step with the gradient of the mean over all samples, however they are split
    どう分けても、全サンプルの平均の勾配で 1 ステップ進む"""
    for sizes in ([10], [5, 5], [7, 2, 1], [1, 9]):
        model, optimizer, rows = setting()
        start = model.weight.detach().clone()
        loss = mean_square(model, rows)
        (right,) = torch.autograd.grad(loss, model.weight)
        for one in model.parameters():
            one.grad = torch.full_like(one, 3.0)  # left over from somewhere
        split = rows.split(sizes)
        found = answer.accumulate(model, mean_square, iter(split) if len(sizes) == 3 else list(split), optimizer)
        expect_type("accumulate", float, found)
        step = (start - model.weight.detach()) / 0.1
        expect(
            optimizer.steps == 1,
            ja="`step()` が {count} 回呼ばれました。すべてのマイクロバッチのあとに一度だけです。",
            en="`step()` was called {count} times; it is once, after all micro-batches.",
            count=optimizer.steps,
        )
        expect(
            step.norm() > 0,
            ja="重みが動きませんでした。`micro_batches` はイテレータのこともあります。"
            "先に数えると、ループでは空になります。",
            en="The weights did not move. `micro_batches` may be an iterator: when it has been counted, nothing is "
            "left for the loop.",
        )
        longer = float(step.norm() / right.norm())
        expect(
            abs(longer - 1) < 1e-6 or not torch.allclose(step, longer * right, rtol=1e-9, atol=1e-12),
            ja="大きさ `{sizes}` に分けたとき、勾配の向きは正しいのに、長さが {longer:.4g} 倍です。"
            "全サンプルの数で割るのは、返す損失だけではありません。",
            en="Split into `{sizes}` the gradient has the right direction and is {longer:.4g} times as long. Not only "
            "the loss that is returned has to be divided by the number of all samples.",
            sizes=sizes,
            longer=longer,
        )
        expect(
            torch.allclose(step, right, rtol=1e-9, atol=1e-12),
            ja="大きさ `{sizes}` に分けたとき、ステップの勾配が違います(ノルム {found:.4g}、正しくは {right:.4g})。"
            "前から残った勾配を消しましたか。大きさで重みをつけましたか。",
            en="Split into `{sizes}` the gradient of the step is wrong (norm {found:.4g}, should be "
            "{right:.4g}). Are old "
            "gradients cleared, and are the parts weighted by their size?",
            sizes=sizes,
            found=step.norm(),
            right=right.norm(),
        )
        expect(
            abs(found - loss.item()) < 1e-9,
            ja="返ってきた損失は {found:.4g} ですが、全サンプルの平均は {right:.4g} です。",
            en="The loss returned is {found:.4g}; the mean over all samples is {right:.4g}.",
            found=found,
            right=loss,
        )


def check_one_graph_at_a_time(answer):
    """there is one backward() for each micro-batch, before the next is computed
    backward() はマイクロバッチごとに、次を計算する前に呼ばれる"""
    model, optimizer, rows = setting()
    norms = []

    def watched(model, batch):
        norms.append(0.0 if model.weight.grad is None else float(model.weight.grad.norm()))
        return mean_square(model, batch)

    answer.accumulate(model, watched, rows.split([4, 3, 3]), optimizer)
    expect(
        len(norms) == 3 and norms[0] == 0 and norms[1] > 0 and norms[2] not in (0.0, norms[1]),
        ja="各マイクロバッチの前の勾配のノルムが `{norms}` です。最初は 0 で、一つごとに足されていくはずです。"
        "全部の損失を足してから一度に `backward()` を呼ぶと、メモリは節約できません。",
        en="Before each micro-batch the gradient's norm is `{norms}`; it should begin at 0, and be added to with each. "
        "One `backward()` on the sum of all losses saves no memory.",
        norms=norms,
    )


def chunked():
    """A cell, its optimizer, three chunks of a series, and a first state that has a graph."""
    torch.manual_seed(16)
    cell = nn.RNNCell(3, 4).double()
    before = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    return (
        cell,
        CountedSGD(cell.parameters(), lr=0.5),
        torch.randn(9, 2, 3, dtype=torch.float64).split([4, 3, 2]),
        before,
    )


def check_carried_state(answer):
    """each chunk makes one step from its own gradient; the state goes on through all of them
    どの区間もそれ自身の勾配で 1 ステップ進み、状態は全区間を通して引き継がれる"""
    cell, optimizer, chunks, before = chunked()
    other, _, _, _ = chunked()
    rowwise, _, _, _ = chunked()
    cut_at_each_row = torch.zeros(2, 4, dtype=torch.float64) + before.detach()
    for chunk in chunks:
        for row in chunk:
            cut_at_each_row = rowwise(row, cut_at_each_row.detach())
        found = torch.autograd.grad((cut_at_each_row**2 + cut_at_each_row).mean(), list(rowwise.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(rowwise.parameters(), found, strict=True):
                parameter -= 0.5 * gradient
    state = before.detach()
    for chunk in chunks:
        state = state.detach()
        for row in chunk:
            state = other(row, state)
        found = torch.autograd.grad((state**2 + state).mean(), list(other.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(other.parameters(), found, strict=True):
                parameter -= 0.5 * gradient
    for one in cell.parameters():
        one.grad = torch.full_like(one, 2.0)
    last = answer.train_on_chunks(cell, chunks, before * 1.0, lambda state: (state**2 + state).mean(), optimizer)
    expect_type("train_on_chunks", torch.Tensor, last)
    expect(
        optimizer.steps == len(chunks),
        ja="`step()` の呼び出しが {count} 回です。区間ごとに一度です。",
        en="`step()` was called {count} times; it is once for each chunk.",
        count=optimizer.steps,
    )
    same, short = (
        all(torch.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(cell.parameters(), one, strict=True))
        for one in (list(other.parameters()), list(rowwise.parameters()))
    )
    expect(
        not short,
        ja="状態が一行ごとに切り離されています。区間の中では勾配が通るように、切り離すのは区間の始めだけにします。",
        en="The state is cut off at each row. Within a chunk the gradient goes through: cut it only where a chunk "
        "begins.",
    )
    expect(
        same,
        ja="学習後の重みが違います。区間ごとに勾配を消し、状態は 0 に戻さずに引き継ぎます。",
        en="The weights after training are not right: clear the gradients for each chunk, and carry the state on, do "
        "not begin it anew.",
    )
    expect(
        torch.allclose(last, state),
        ja="重みは正しいのに、返された状態が違います。最後の区間の最後の状態を返します。",
        en="The weights are right, and the state returned is not: it is the last one of the last chunk.",
    )
    expect(
        before.grad is None,
        ja="最初の区間の勾配が、渡された状態まで届いています。使う前に計算グラフから切り離します。",
        en="The gradient of the first chunk reaches the state that was passed in: cut it off the graph before it is "
        "used.",
    )
    expect(
        not last.requires_grad,
        ja="返された状態に計算グラフが残っています。切り離して返します。",
        en="The state returned still has a graph: cut it off.",
    )


def players():
    """A generator and a discriminator, and the loss of the first."""
    torch.manual_seed(17)
    own, other = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3)).double(), nn.Linear(3, 1).double()
    other.bias.requires_grad_(False)  # and so it has to stay
    loss = -other(own(torch.randn(6, 2, dtype=torch.float64)).tanh()).mean()
    return own, other, loss


def check_the_other_player(answer):
    """one's own parameters step with the gradient of this loss alone; the other's gradients stay as they were
    自分のパラメータはこの損失の勾配だけで動き、相手の勾配は元のまま残る"""
    for left_over in (False, True):
        own, other, loss = players()
        right = torch.autograd.grad(loss, list(own.parameters()), retain_graph=True)
        start = [one.detach().clone() for one in own.parameters()]
        kept = []
        for one in [*own.parameters(), *other.parameters()]:
            one.grad = torch.full_like(one, 5.0) if left_over else None
        for one in other.parameters():
            kept.append((one.grad, None if one.grad is None else one.grad.clone()))
        optimizer = CountedSGD(own.parameters(), lr=0.1)
        answer.step_of_one_player(loss, own, other, optimizer)
        moved = [(before - one.detach()) / 0.1 for before, one in zip(start, own.parameters(), strict=True)]
        expect(
            optimizer.steps == 1,
            ja="`step()` の呼び出しが {count} 回です。一度だけです。",
            en="`step()` was called {count} times; it is once.",
            count=optimizer.steps,
        )
        expect(
            all(torch.allclose(a, b, atol=1e-9) for a, b in zip(moved, right, strict=True)),
            ja="自分のパラメータが、この損失の勾配どおりに動いていません。残っていた勾配が混ざっていませんか。",
            en="One's own parameters did not move along this loss's gradient. Did an old gradient get mixed in?",
        )
        clean = all(
            one.grad is grad and (grad is None or torch.equal(grad, value))
            for one, (grad, value) in zip(other.parameters(), kept, strict=True)
        )
        expect(
            other.weight.requires_grad,
            ja="相手のパラメータが凍結されたままです。`requires_grad` を元に戻してください。",
            en="The other's parameters are left frozen: put `requires_grad` back.",
        )
        alike = all(
            (one.grad is None) == (value is None) and (value is None or torch.equal(one.grad, value))
            for one, (_, value) in zip(other.parameters(), kept, strict=True)
        )
        expect(
            clean or not alike,
            ja="相手の `.grad` の値は同じですが、別のテンソルです。元のテンソルを持っている側からは見えません。"
            "初めから `.grad` に書き込まない方法を使います。",
            en="The other's `.grad` has the same numbers and is another tensor: whoever holds the old one no longer "
            "sees what happens. Use a way that does not write into `.grad` at all.",
        )
        expect(
            clean,
            ja="相手の `.grad` が変わりました。相手の次のステップに、この損失の勾配が混ざります。",
            en="The other's `.grad` has changed: this loss's gradient will be mixed into the other's next step.",
        )


def check_a_part_that_is_not_used(answer):
    """a parameter that this loss does not use stays where it is, whatever was left in its .grad
    この損失で使われないパラメータは、.grad に何が残っていても動かない"""
    own, other, _ = players()
    own.extra = nn.Linear(2, 2).double()
    loss = -other(own[:2](torch.randn(6, 2, dtype=torch.float64)).tanh()).mean()
    for one in own.parameters():
        one.grad = torch.ones_like(one)
    before = own.extra.weight.detach().clone()
    answer.step_of_one_player(loss, own, other, torch.optim.SGD(own.parameters(), lr=0.1))
    expect(
        torch.equal(before, own.extra.weight.detach()),
        ja="使われないパラメータが、残っていた勾配で動きました。",
        en="A parameter that is not used was moved by an old gradient.",
    )
