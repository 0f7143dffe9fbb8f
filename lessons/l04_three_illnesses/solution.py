"""Exercise 4: name the illness, and cure the losses that are ill. / 演習 4: 病名を言い当て、病気の損失を治す

The six words: "cut", "false leaf", "zero", "not finite", "wrong", and "healthy".
六つの病名: "cut" 切断、"false leaf" 偽の葉テンソル、"zero" ちょうど 0、"not finite" NaN か無限大、
"wrong" 値の誤り、"healthy" 健康。
"""

import torch


def slope_along(loss_of, parameter, direction, step=1e-6):
    """The central difference of loss_of() along a direction of the parameter, which is put back: a float.

    loss_of() の、パラメータのある方向についての中心差分を float で返す。パラメータは元に戻す。
    """
    kept, values = parameter.detach().clone(), []
    for sign in (1, -1):
        parameter.data.copy_(kept + sign * step * direction)
        values.append(float(loss_of().detach()))
    parameter.data.copy_(kept)
    return (values[0] - values[1]) / (2 * step)


def illness(loss_of, parameter):
    """What is wrong with the gradient of loss_of() at `parameter`, a float64 leaf: one of the six words.

    "cut": the loss has no graph. "false leaf": it has one, and no path leads to the parameter. "not finite": the
    gradient holds NaN or infinity. "zero": it is exactly 0. "wrong": it differs from finite differences by more than
    one part in 1,000. parameter.grad is left alone.
    float64 の葉テンソル `parameter` についての loss_of() の勾配の、どこが悪いかを六つの言葉のどれかで返す。
    "cut": 計算グラフがない。"false leaf": グラフはあるが、パラメータまでの経路がない。
    "not finite": NaN か無限大を含む。
    "zero": ちょうど 0。"wrong": 有限差分と 1/1000 より大きく違う。parameter.grad は変えない。
    """
    loss = loss_of()
    direction = torch.randn(parameter.shape, dtype=parameter.dtype, generator=torch.Generator().manual_seed(0))
    # >>> hole: illness
    # en: requires_grad tells only the first illness; the gradient itself tells the others, its value with slope_along
    # ja: requires_grad で分かるのは一つ目の病気だけ。残りは勾配そのもので分かる。値は slope_along と比べる
    if not loss.requires_grad:
        return "cut"
    (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
    if found is None:
        return "false leaf"
    if not bool(found.isfinite().all()):
        return "not finite"
    if not bool(found.ne(0).any()):
        return "zero"
    right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
    return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
    # --- broken
    # if not loss.requires_grad:
    #     return "cut"
    # return "healthy"
    # <<< hole


def perplexity(nats):
    """The perplexity of a text: e to the mean of its nats per token, (L,) -> ().

    テキストのパープレキシティ: トークンあたりの nats の平均の指数。(L,) -> ()。
    """
    # >>> hole: perplexity
    # en: which illness has it, if any? ask `illness`: the bottom of this file prints what it says
    # ja: 病気か、病気ならどれか。このファイルの最後で `illness` の答えを表示している
    return torch.exp(nats.mean())
    # --- broken
    # mean = nats.mean().item()
    # return torch.tensor(mean, dtype=nats.dtype).exp()
    # <<< hole


def mean_of_losses(losses):
    """The mean of a list of losses, each ().

    損失のリストの平均。損失はどれも ()。
    """
    # >>> hole: mean_of_losses
    # en: which illness has it, if any? ask `illness`: the bottom of this file prints what it says
    # ja: 病気か、病気ならどれか。このファイルの最後で `illness` の答えを表示している
    return torch.stack(losses).mean()
    # --- broken
    # values = [float(loss) for loss in losses]
    # return torch.tensor(values, dtype=losses[0].dtype, requires_grad=True).mean()
    # <<< hole


def rounded(x):
    """x rounded to whole numbers going forward; going backward, as if nothing had been rounded.

    順伝播では x を整数に丸め、逆伝播では丸めなかったときの勾配を返す。
    """
    # >>> hole: rounded
    # en: which illness has it, if any? ask `illness`: the bottom of this file prints what it says
    # ja: 病気か、病気ならどれか。このファイルの最後で `illness` の答えを表示している
    return x + (x.round() - x).detach()
    # --- broken
    # return x.round() + x - x
    # <<< hole


def root_or_zero(x):
    """The square root where x is positive, 0 elsewhere, entry by entry; there the gradient is 0 too.

    x が正の所では平方根、それ以外では 0 を、要素ごとに返す。0 の所では勾配も 0。
    """
    # >>> hole: root
    # en: which illness has it, if any? ask `illness`: the bottom of this file prints what it says
    # ja: 病気か、病気ならどれか。このファイルの最後で `illness` の答えを表示している
    positive = x > 0
    return torch.where(positive, x, 1.0).sqrt() * positive
    # --- broken
    # return torch.where(x > 0, x.sqrt(), 0.0)
    # <<< hole


def spread(x):
    """The mean square distance of the numbers x (L,) from their mean: (). Its gradient is that of this very value.

    x (L,) の、平均からの距離の二乗の平均 ()。勾配は、この値そのものの勾配。
    """
    # >>> hole: spread
    # en: which illness has it, if any? ask `illness`: the bottom of this file prints what it says
    # ja: 病気か、病気ならどれか。このファイルの最後で `illness` の答えを表示している
    return (x * x).mean() - x.mean() ** 2
    # --- broken
    # return (x * x).mean() - x.mean() * x.mean().detach()
    # <<< hole


def through_a_frozen_layer(x):
    """The mean square of what a frozen layer makes of x (L,): (). The layer does not learn; x does.

    凍結した層に x (L,) を通した結果の、二乗の平均 ()。層は学習せず、x は学習する。
    """
    weight = torch.linspace(-1, 2, 2 * len(x), dtype=x.dtype).view(2, -1)
    # >>> hole: frozen
    # en: which illness has it, if any? ask `illness`: the bottom of this file prints what it says
    # ja: 病気か、病気ならどれか。このファイルの最後で `illness` の答えを表示している
    return (weight.detach() @ x).square().mean()
    # --- broken
    # return (weight.detach() @ x).square().mean()
    # <<< hole


if __name__ == "__main__":  # what the losses have at the moment; the check says whether that is right
    w = torch.tensor([1.2, 3.4, -0.7], dtype=torch.float64, requires_grad=True)
    losses = {"perplexity": lambda: perplexity(w), "mean_of_losses": lambda: mean_of_losses(list(w)),
              "rounded": lambda: rounded(w).sum(), "root_or_zero": lambda: root_or_zero(w).sum(),
              "spread": lambda: spread(w), "through_a_frozen_layer": lambda: through_a_frozen_layer(w)}  # fmt: skip
    for name, loss in losses.items():
        print(f"{name:22} value / 値 {loss().item():8.4f}   illness / 病名 {illness(loss, w)}")
    print("python -m gradcheck_lm lessons check l04")
