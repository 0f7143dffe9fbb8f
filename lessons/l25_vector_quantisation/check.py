"""Checks of exercise 25: rows of every length, values to the bit, who is moved by which term, several stages."""

import torch

from gradcheck_lm.course.expect import expect, expect_type
from gradcheck_lm.course.language import Words

TENSOR = Words("テンソル", "a tensor")
PAIR = Words("二つの値", "two values")


def given(*shape, seed=251):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def books(rows=(7, 4, 5), width=3):
    """Codebooks whose rows are of very different lengths."""
    found = []
    for place, count in enumerate(rows):
        lengths = torch.linspace(0.1, 3.0, count, dtype=torch.float64)[:, None]
        found.append((given(count, width, seed=252 + place) * lengths / (place + 1)).requires_grad_())
    return found


def chosen_by_hand(z, codebook):
    """For each z the row of the shortest difference, one after the other."""
    flat = z.detach().reshape(-1, z.shape[-1])
    found = [min(range(len(codebook)), key=lambda row, one=one: float((one - codebook[row]).norm())) for one in flat]
    return torch.tensor(found).reshape(z.shape[:-1])


def check_nearest(answer):
    """the row of the shortest difference, for z of any number of axes
    z の軸がいくつでも、差が一番短いコードベクトルを選ぶ"""
    for shape in ((6, 3), (2, 4, 3), (3,), (1, 3)):
        for codebook in (*books(), books((1,))[0], books()[0] + 5.0):
            z = 2 * given(*shape).requires_grad_()
            found = answer.nearest(z, codebook)
            expect_type("nearest", torch.Tensor, found, kind=TENSOR)
            right = chosen_by_hand(z, codebook.detach())
            expect(
                found.shape == right.shape and found.dtype == torch.int64,
                ja="形 `{shape}` の z に、形 `{got}`、型 `{dtype}` の番号が返りました(正しくは `{right}`、int64)。",
                en="For z of shape `{shape}` the numbers have the shape `{got}` and the dtype `{dtype}`; it should be "
                "`{right}` and int64.",
                shape=shape,
                got=tuple(found.shape),
                dtype=str(found.dtype),
                right=tuple(right.shape),
            )
            expect(
                torch.equal(found, right),
                ja="`{found}` を選びましたが、差が一番短いのは `{right}` です。内積の大きさで選んでいませんか。",
                en="The rows `{found}` were chosen; those of the shortest difference are `{right}`. Was it by the "
                "largest product?",
                found=found.tolist(),
                right=right.tolist(),
            )


def check_same_bits(answer):
    """the value is that of the rows, to the bit
    値は rows と 1 ビットも違わない"""
    for dtype in (torch.float32, torch.float64):
        for scale in (1.0, 1e4):
            z, rows = scale * given(50, 3).to(dtype), given(50, 3, seed=259).to(dtype)
            found = answer.pass_through(z.requires_grad_(), rows)
            expect_type("pass_through", torch.Tensor, found, kind=TENSOR)
            expect(
                torch.equal(found, rows),
                ja="値が rows と違います(差は最大 {off:.2g})。値がちょうど 0 の項だけを足すように、かっこを置きます。",
                en="The value is not that of rows (off by up to {off:.2g}). Put the brackets so that what is added is "
                "exactly 0.",
                off=(found - rows).abs().max(),
            )


def check_passed_to_z(answer):
    """the gradient reaches z as it came, and the rows not at all
    勾配は来たままの形で z に届き、rows には届かない"""
    z, rows, weights = given(5, 3).requires_grad_(), given(5, 3, seed=259).requires_grad_(), given(5, 3, seed=260)
    found = answer.pass_through(z, rows)
    expect(
        found.requires_grad,
        ja="z に勾配が届きません。経路がありません。",
        en="No gradient reaches z: there is no path.",
    )
    at_z, at_rows = torch.autograd.grad((found * weights).sum(), [z, rows], allow_unused=True)
    expect(
        at_z is not None and torch.equal(at_z, weights),
        ja="z に届く勾配が、戻ってきた勾配そのものではありません。",
        en="What reaches z is not the gradient that came back.",
    )
    expect(
        at_rows is None or not bool(at_rows.any()),
        ja="rows にも勾配が届いています。rows を動かすのは、コードブック損失です。",
        en="The rows get a gradient as well; it is the codebook term that teaches them.",
    )


def check_terms(answer):
    """the right value, and each side is moved by its own term
    値が正しく、どちらの側も自分の項で動く"""
    for shape in ((5, 3), (2, 3, 4), (1, 2)):
        for beta in (0.25, 2.0, 0.0):
            z, rows = given(*shape).requires_grad_(), given(*shape, seed=259).requires_grad_()
            found = answer.quantisation_loss(z, rows, beta)
            expect_type("quantisation_loss", torch.Tensor, found, kind=TENSOR)
            difference = (z - rows).detach()
            right = (1 + beta) * difference.square().mean()
            expect(
                found.shape == () and torch.allclose(found.detach(), right),
                ja="`beta` が `{beta}` のとき、値が {found:.4g} です(正しくは {right:.4g})。"
                "どちらの項も、二乗の平均です。",
                en="With `beta` at `{beta}` the value is {found:.4g}; it should be {right:.4g}. Both terms are means "
                "of squares.",
                beta=beta,
                found=found.tolist(),
                right=right,
            )
            expect(
                found.requires_grad,
                ja="z にも rows にも勾配が届きません。",
                en="No gradient reaches z or rows.",
            )
            gradients = torch.autograd.grad(found, [z, rows], allow_unused=True)
            slope = 2 * difference / difference.numel()
            for name, one, pull in zip(("z", "rows"), gradients, (beta * slope, -slope), strict=True):
                expect(
                    torch.allclose(torch.zeros_like(pull) if one is None else one, pull),
                    ja="`beta` が `{beta}` のとき、`{name}` に届く勾配が違います(ノルム {got:.4g}、"
                    "正しくは {size:.4g})。`beta` は、z を動かす項に掛けます。",
                    en="With `beta` at `{beta}` the gradient at `{name}` is not right (norm {got:.4g}, should be "
                    "{size:.4g}). `beta` belongs to the term that moves z.",
                    beta=beta,
                    name=name,
                    got=0.0 if one is None else one.norm(),
                    size=pull.norm(),
                )


def by_hand(z, codebooks, beta):
    """The rows' sum, the loss, and the gradients of the loss at z and at each codebook, from formulas."""
    left, total, loss, at_z, at_books = z.detach(), torch.zeros_like(z), 0.0, torch.zeros_like(z), []
    for codebook in codebooks:
        places = chosen_by_hand(left, codebook.detach())
        rows = codebook.detach()[places]
        slope = 2 * (left - rows) / left.numel()
        loss = loss + (1 + beta) * (left - rows).square().mean()
        at_z = at_z + beta * slope
        at_books.append(torch.zeros_like(codebook).index_put((places,), -slope, accumulate=True))
        left, total = left - rows, total + rows
    return total, loss, at_z, at_books


def stages(answer):
    """For several settings: what the answer gives, and what is right."""
    for shape in ((6, 3), (2, 4, 3)):
        for count in (3, 1, 2):
            for beta in (0.25, 1.5):
                codebooks = books()[:count]
                z = (2 * given(*shape, seed=261)).requires_grad_()
                found = answer.residual_quantise(z, codebooks, beta)
                expect_type("residual_quantise", tuple, found, kind=PAIR)
                yield count, z, codebooks, found, by_hand(z, codebooks, beta)


def check_stages(answer):
    """the value is the sum of the rows, each nearest to what was left over
    値は、残りに一番近いコードベクトルを段ごとに選んだ和"""
    for count, z, codebooks, (passed, loss), (total, right, _, _) in stages(answer):
        expect_type("residual_quantise()[0]", torch.Tensor, passed, kind=TENSOR)
        expect_type("residual_quantise()[1]", torch.Tensor, loss, kind=TENSOR)
        expect(
            passed.shape == total.shape and torch.allclose(passed.detach(), total),
            ja="{count} 段のとき、passed の値が、選ばれるはずのコードベクトルの和と違います。"
            "どの段も前の段の残りを量子化し、passed はすべての段の和です。",
            en="With {count} stages the value of passed is not the sum of the rows that should be chosen. Each stage "
            "quantises what the one before has left over, and passed adds up all of them.",
            count=count,
        )
        weights = given(*z.shape, seed=262)
        at_z, *at_books = torch.autograd.grad(
            (passed * weights).sum(), [z, *codebooks], allow_unused=True, retain_graph=True
        )
        expect(
            at_z is not None and torch.allclose(at_z, weights),
            ja="{count} 段のとき、passed の勾配がそのまま z に届いていません。",
            en="With {count} stages the gradient of passed does not reach z as it is.",
            count=count,
        )
        expect(
            all(one is None or not bool(one.any()) for one in at_books),
            ja="{count} 段のとき、passed の勾配がコードブックにも届いています。行き先は z だけです。",
            en="With {count} stages the gradient of passed reaches a codebook too; it belongs to z alone.",
            count=count,
        )
        expect(
            loss.shape == () and torch.allclose(loss.detach(), right),
            ja="{count} 段のとき、損失が {found:.4g} です(正しくは {right:.4g})。各段の値の和にします。",
            en="With {count} stages the loss is {found:.4g}; it should be {right:.4g}, the sum over the stages.",
            count=count,
            found=loss.tolist(),
            right=right,
        )


def check_stages_teach(answer):
    """every stage moves z and its own codebook, and no other
    どの段も、z とその段のコードブックだけを動かす"""
    for count, z, codebooks, (_, loss), (_, _, at_z, at_books) in stages(answer):
        found = torch.autograd.grad(loss, [z, *codebooks], allow_unused=True)
        expect(
            found[0] is not None and torch.allclose(found[0], at_z),
            ja="{count} 段のとき、損失から z に届く勾配が違います(ノルム {got:.4g}、正しくは {size:.4g})。"
            "次の段に渡す残りから、z と一緒に動くものを引いていませんか。",
            en="With {count} stages the gradient of the loss at z is not right (norm {got:.4g}, should be "
            "{size:.4g}). Is something that moves along with z subtracted from what goes on to the next stage?",
            count=count,
            got=0.0 if found[0] is None else found[0].norm(),
            size=at_z.norm(),
        )
        for place, (one, right) in enumerate(zip(found[1:], at_books, strict=True)):
            expect(
                one is not None and torch.allclose(one, right),
                ja="{count} 段のとき、`{place}` 番目のコードブックに届く勾配が違います。"
                "前の段のコードベクトルは、次の段では定数です。",
                en="With {count} stages the gradient at codebook number `{place}` is not right: in later stages the "
                "rows of a stage are constants.",
                count=count,
                place=place,
            )
