"""Lesson 25: which term teaches whom in a VQ-VAE.

A codebook that never learns, an encoder that runs away, two terms with the weight on the wrong one. After
MishaLaskin/vqvae#20, CompVis/taming-transformers#57, showlab/Olaf-World#8 and facebookresearch/encodec#25.
Run it: python lessons/l25_vector_quantisation/lesson.py --lang ja
"""

import torch
import torch.nn.functional as F
from torch import nn

import gradcheck_lm as gc
from gradcheck_lm.course.stage import ask, beat, begin, choice, code, finish, holds, picture, plot, say, show, table

begin(__file__)

centres = 4 * torch.rand(12, 2) - 2
lines = (centres.repeat(8, 1) + 0.1 * torch.randn(96, 2)) @ torch.randn(2, 6)  # twelve clusters, seen in six numbers
lines = lines.double()


def fresh_model():
    torch.manual_seed(2)
    parts = {"encoder": nn.Linear(6, 2), "codebook": nn.Embedding(12, 2), "decoder": nn.Linear(2, 6)}
    return nn.ModuleDict(parts).double()


def quantised(model):
    z = model["encoder"](lines)
    distances = (z[:, None] - model["codebook"].weight).square().sum(-1)
    return z, model["codebook"](distances.argmin(-1))


def reconstruction(model, passed):
    return F.mse_loss(model["decoder"](passed), lines)


def hard(model):
    _, row = quantised(model)
    return reconstruction(model, row)


def norm(gradient):
    return "None" if gradient is None else f"{gradient.norm():.4f}"


def norms(loss, model):
    wanted = [model[part].weight for part in ("encoder", "codebook", "decoder")]
    return [norm(one) for one in torch.autograd.grad(loss(model), wanted, allow_unused=True)]


def trained(loss, steps=200, rate=0.1):
    """Gradient descent; gives the model and, every 20 steps, how well the chosen rows of the codebook are decoded."""
    model, curve = fresh_model(), []
    for step in range(steps + 1):
        if step % 20 == 0:
            curve.append(hard(model).item())
        gradients = torch.autograd.grad(loss(model), list(model.parameters()), allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                if gradient is not None:
                    parameter -= rate * gradient
    return model, curve


# ---------------------------------------------------------------------------------------------------------------------
beat("symptom")
say(
    ja="VQ-VAE は、エンコーダの出力 `z` を、コードブックの中で一番近いコードベクトル `row` に置き換えてから"
    "復元します。損失は下がっていきます。",
    en="A VQ-VAE replaces what its encoder gives, `z`, by the nearest row of a codebook, `row`, and decodes that. Its "
    "loss goes down.",
)
code(quantised)
code(hard)
model = fresh_model()
found = norms(hard, model)
learned, curve = trained(hard)
curves = {"hard": curve}
moved = not torch.equal(learned["encoder"].weight, model["encoder"].weight)
table(["", "encoder", "codebook", "decoder"], [["gradient norm", *found]])
table(["", "at the start", "after 200 steps"], [["loss", curve[0], curve[-1]]])
holds(found[0] == "None" and "None" not in found[1:] and curve[-1] < curve[0], "the encoder alone gets no gradient")
holds(not moved, "the encoder has not moved by a bit")
say(
    ja="コードブックとデコーダは学習していますが、エンコーダには勾配が届きません。"
    "選んだ番号は整数で、`argmin` を通って勾配は伝わらないからです。",
    en="Codebook and decoder learn; the encoder gets no gradient. What chooses the row is a whole number, and no "
    "gradient passes an `argmin`.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("predict")
say(
    ja="定番の対処は STE です。値は `row` のまま、勾配は `z` へそのまま渡します。",
    en="What everybody does about it is straight-through: the value is that of `row`, the gradient goes to `z` as it "
    "is.",
)


def straight_through(model):
    z, row = quantised(model)
    return reconstruction(model, z + (row - z).detach())


code(straight_through)
ask(
    ja="この損失から、コードブックにはどんな勾配が届くでしょうか。",
    en="What gradient does the codebook get from this loss?",
    choices=[
        choice(ja="`hard` のときと同じ", en="the same as from `hard`"),
        choice(ja="エンコーダと同じ大きさ", en="one as large as the encoder's"),
        choice(ja="どのコードベクトルにもちょうど 0", en="exactly 0 in every row"),
        choice(ja="何も届かない(`None`)", en="none at all (`None`)", right=True),
    ],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("look")


def codebook_term(model):
    z, row = quantised(model)
    return F.mse_loss(row, z.detach())


def commitment_term(model):
    z, row = quantised(model)
    return F.mse_loss(z, row.detach())


code(codebook_term)
code(commitment_term)
terms = (hard, straight_through, codebook_term, commitment_term)
rows = [[term.__name__, *norms(term, model)] for term in terms]
table(["term", "encoder", "codebook", "decoder"], rows)
taught = [[cell != "None" for cell in row[1:]] for row in rows]
holds(
    taught == [[False, True, True], [True, False, True], [False, True, False], [True, False, False]],
    "each term teaches whom the table says",
)
values = [codebook_term(model).item(), commitment_term(model).item()]
show("codebook_term", values[0])
show("commitment_term", values[1])
holds(values[0] == values[1], "both terms have the same value")
say(
    ja="STE では、コードブックが `detach()` の中にあるので、何も届きません。"
    "そこで二つの項を足します。値はどちらも同じで、違うのは、どちらの側を `detach()` したかだけです。"
    "コードブック損失は `row` を `z` へ、コミットメント損失は `z` を `row` へ近づけます。",
    en="With straight-through the codebook stands inside the `detach()`, and gets nothing. So two terms are added. "
    "Their values are the same, and which side is detached is all that differs: the codebook term moves the row to "
    "`z`, the commitment term moves `z` to the row.",
)


def with_codebook_term(model):
    return straight_through(model) + codebook_term(model)


def with_all_terms(model, beta=0.25):
    return straight_through(model) + codebook_term(model) + beta * commitment_term(model)


rows = []
for loss in (hard, straight_through, with_codebook_term, with_all_terms):
    learned, curve = (learned, curves["hard"]) if loss is hard else trained(loss)
    curves[loss.__name__] = curve
    z, row = (one.detach() for one in quantised(learned))
    used = len({tuple(one) for one in row.tolist()})
    rows.append([loss.__name__, curve[-1], used, (z - row).square().mean(), z.square().mean()])
table(["loss", "reconstruction", "rows in use", "mean of (z - row)^2", "mean of z^2"], rows)
plot("reconstruction", list(range(0, 201, 20)), curves, x_label="step", y_label="reconstruction")
distances, sizes = [float(row[3]) for row in rows], [float(row[4]) for row in rows]
holds(all(float(rows[3][1]) < 0.5 * float(rows[k][1]) for k in (0, 1)), "an encoder that learns makes more of it")
holds(rows[3][2] > rows[0][2], "with an encoder that learns more rows are used")
holds(distances[1] > 30 * distances[3] and sizes[1] > 3 * sizes[3], "without the terms z runs away from its row")
holds(sizes[2] > 2 * sizes[3] and distances[2] > 2 * distances[3], "without the commitment term z still grows")
say(
    ja="STE だけでは、`z` が `row` からどんどん離れます。デコーダの受け取る値は `row` なのに、"
    "動くのは `z` だけだからです。コードブック損失を足すと `row` が追いかけ、"
    "コミットメント損失まで足すと `z` は `row` の近くにとどまります。",
    en="With straight-through alone `z` runs away from its row: the decoder is given `row`, and it is `z` that moves. "
    "With the codebook term the rows run after it; with the commitment term too, `z` stays near its row.",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("why")
diagnosis = gc.diagnose(lambda: straight_through(model), wrt=model)
picture(diagnosis, "straight-through")
named = {
    loss.__name__: ", ".join(one.code for one in gc.diagnose(lambda loss=loss: loss(model), wrt=model).errors)
    for loss in (hard, straight_through, with_all_terms)
}
holds(list(named.values()) == ["GF101", "GF104", ""], "argmin, then detach, then nothing is named")


def term_of_what_was_passed(model):
    z, row = quantised(model)
    row = z + (row - z).detach()  # one line too early: from here on the codebook is cut off
    return reconstruction(model, row) + F.mse_loss(row, z.detach()) + 0.25 * F.mse_loss(z, row.detach())


code(term_of_what_was_passed)
missed = gc.diagnose(lambda: term_of_what_was_passed(model), wrt=model)
found = norms(term_of_what_was_passed, model)
table(
    ["", "encoder", "codebook", "decoder", "finding"],
    [["gradient norm", *found, ", ".join(one.code for one in missed.errors)]],
)
holds([one.code for one in missed.errors] == ["GF104"] and found[1] == "None", "the codebook term teaches no codebook")
z, _ = quantised(model)
row = z.detach().requires_grad_()
(behind,) = torch.autograd.grad(reconstruction(model, row + (quantised(model)[1] - row).detach()), row)
(at_row,) = torch.autograd.grad(hard(model), model["codebook"].weight)
choose = torch.nn.functional.one_hot((z[:, None] - model["codebook"].weight).square().sum(-1).argmin(-1), 12).double()
holds(bool(torch.allclose(choose.T @ behind, at_row)), "what z gets is what the row would have got")
say(
    ja="切断は二つあります。`hard` では `argmin`(`{first}`)が、STE では `detach`(`{second}`)が見つかります。"
    "STE は、`row` に届くはずだった勾配を、そのまま `z` に渡します。二つの項を足しても、STE のあとの値から計算すると、"
    "同じ `{second}` が残ります。",
    en="There are two cuts: in `hard` it is the `argmin` that is found (`{first}`), with straight-through the `detach` "
    "(`{second}`). Straight-through hands to `z` just the gradient that the row would have got. And where a term is "
    "computed from what comes after it, `{second}` is still there.",
    first=named["hard"],
    second=named["straight_through"],
)


def weight_on_the_wrong_term(model, beta=0.25):
    return straight_through(model) + beta * codebook_term(model) + commitment_term(model)


code(weight_on_the_wrong_term)
ratios = []
for part in ("encoder", "codebook"):
    pair = []
    for loss in (weight_on_the_wrong_term, with_all_terms):
        terms = [torch.autograd.grad(one(model), model[part].weight, allow_unused=True)[0]
                 for one in (loss, straight_through)]  # fmt: skip
        pair.append((terms[0] if terms[1] is None else terms[0] - terms[1]).norm())
    ratios.append(pair[0] / pair[1])
silent = gc.diagnose(lambda: weight_on_the_wrong_term(model), wrt=model)
named = ", ".join(one.code for one in silent.errors) or "none"
table(
    ["", "encoder", "codebook", "finding"],
    [["pull of its term, beta on the wrong one", *(f"{one:.2f}" for one in ratios), named]],
)
holds(abs(ratios[0] - 4) < 1e-6 and abs(ratios[1] - 0.25) < 1e-6 and silent.ok, "beta on the wrong term is silent")
say(
    ja="`beta` は、コミットメント損失に掛けるものです。取り違えると、エンコーダは {encoder:.0f} 倍の強さで、"
    "コードブックは {codebook:.2f} 倍の強さで引き寄せられます。勾配はすべて届くので、デバッガは何も報告しません。"
    "どの項が何を学習させるのかを、表で確かめます。",
    en="`beta` belongs to the commitment term. On the other one the encoder is pulled {encoder:.0f} times as hard and "
    "the codebook {codebook:.2f} times. Every gradient arrives, so the debugger finds nothing: what helps is the table "
    "of which term teaches whom.",
    encoder=ratios[0],
    codebook=ratios[1],
)

# ---------------------------------------------------------------------------------------------------------------------
beat("fix")
code(with_all_terms)
z, row = quantised(model)
leaf = z.detach().requires_grad_()
from_rows = row.detach() + (leaf - leaf.detach())
loss = reconstruction(model, from_rows) + 0.25 * F.mse_loss(leaf, row.detach())
(found,) = torch.autograd.grad(loss, leaf)
right = behind + 0.25 * 2 / z.numel() * (z - row).detach()
healthy = gc.diagnose(lambda: with_all_terms(model), wrt=model)
same = bool(torch.allclose(found, right))
table(
    ["proof", "value"],
    [
        ["path, gradient norm", float(found.norm())],
        ["decoder's gradient at the row, plus 2 beta (z - row) / n", str(same)],
        ["finding", ", ".join(one.code for one in healthy.errors) or "none"],
    ],
)
holds(same and found.norm() > 0 and healthy.ok, "a path, not 0, and the right value")
(at_rows,) = torch.autograd.grad(with_all_terms(model), model["codebook"].weight)
chosen = choose.sum(0)
still = int((at_rows.norm(dim=-1) == 0).sum())
table(
    ["", "value"],
    [["times each row was chosen", " ".join(str(int(one)) for one in chosen)], ["rows with a gradient of 0", still]],
)
holds(still == int((chosen == 0).sum()) > 0, "who is not chosen gets a gradient of 0")
say(
    ja="三つの項がそろうと、`z` に届く勾配は、`row` での勾配と、コミットメント損失の勾配の和です。"
    "ただし、一度も選ばれないコードベクトル({still} 個)の勾配は、どの項からもちょうど 0 です。"
    "使われないコードベクトルが多いときは、`z` の値で初期化し直すなどの工夫が必要です。",
    en="With all three terms `z` gets the gradient at the place of the row plus that of the commitment term. "
    "A row that is never chosen ({still} of them here) gets exactly 0 from each of the terms: where many rows lie "
    "idle, put values of `z` in their place.",
    still=still,
)
books = [torch.randn(12, 2).double() * size for size in (1.0, 0.4)]


def stage(z, book):
    row = book[(z[:, None] - book).square().sum(-1).argmin(-1)]
    return z + (row - z).detach(), F.mse_loss(z, row.detach())


def second_commitment(model):
    z = model["encoder"](lines)
    passed, _ = stage(z, books[0])
    return stage(z - passed, books[1])[1]  # what the first stage has left over


def second_commitment_of_rows(model):
    z = model["encoder"](lines)
    passed, _ = stage(z, books[0])
    return stage(z - passed.detach(), books[1])[1]


code(second_commitment)
rows = []
for loss in (second_commitment, second_commitment_of_rows):
    (found,) = torch.autograd.grad(loss(model), model["encoder"].weight)
    named = gc.diagnose(lambda loss=loss: loss(model), wrt=model["encoder"])
    rows.append([loss.__name__, norm(found), ", ".join(one.code for one in named.errors) or "none"])
table(["loss", "gradient norm at the encoder", "finding"], rows)
holds([row[2] for row in rows] == ["GF302", "none"] and float(rows[0][1]) == 0.0 < float(rows[1][1]), "z - z cancels")
say(
    ja="残差を何段にも量子化する(Residual VQ)ときは、もう一つ落とし穴があります。STE の出力を引くと、`z` から `z` を"
    "引くことになり、二段目の勾配はちょうど 0 です(`{kind}`)。`detach()` した値を引きます。",
    en="Where what is left over is quantised in further stages (residual VQ) there is one more trap: to subtract the "
    "output of straight-through is to subtract `z` from `z`, and the gradient of the second stage is exactly 0 "
    "(`{kind}`). Subtract the detached value.",
    kind="cancels",
)

# ---------------------------------------------------------------------------------------------------------------------
beat("next")
say(
    ja="演習では、一番近いコードベクトルの選び方、1 ビットも違わない STE、`beta` の位置を間違えない二つの項、"
    "そして何段もの残差の量子化(Residual VQ)を直します。",
    en="In the exercise you fix the choice of the nearest row, a straight-through that is right to the bit, two terms "
    "with `beta` in its place, and a residual quantiser of several stages.",
)
finish()
