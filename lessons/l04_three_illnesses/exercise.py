"""Exercise 4: name the illness, and cure three losses. / 演習 4: 病名を言い当て、三つの損失を治す

The words / 病名: "cut" 切断, "false leaf" 偽の葉テンソル, "zero" ちょうど 0, "healthy" 健康
"""

import torch


def illness(loss, parameter):
    """What keeps the gradient of `loss` from `parameter`: "cut", "false leaf", "zero" or "healthy".

    "cut": the loss has no graph. "false leaf": it has one, and no road leads to the parameter.
    "zero": the road is there, and the gradient is exactly 0. parameter.grad is left alone.
    """
    # TODO illness: requires_grad tells only the first illness; the gradient itself tells the others
    #               requires_grad で分かるのは一つ目の病気だけ。残りは勾配そのもので分かる
    if not loss.requires_grad:
        return "cut"
    return "healthy"
    # END illness


def perplexity(nats):
    """The perplexity of a text: e to the mean of its nats per token, (L,) -> ().

    It has the cut.
    """
    # TODO perplexity: stay in tensors: the value must not leave torch
    #                  テンソルのまま計算する。値を torch の外に出さない
    mean = nats.mean().item()
    return torch.tensor(mean, dtype=nats.dtype).exp()
    # END perplexity


def mean_of_losses(losses):
    """The mean of a list of losses, each (): it has the false leaf."""
    # TODO mean_of_losses: torch.tensor makes a new leaf from old values; join the tensors themselves
    #                      torch.tensor は古い値から新しい葉を作る。テンソルそのものをつなぐ
    values = [float(loss) for loss in losses]
    return torch.tensor(values, dtype=losses[0].dtype, requires_grad=True).mean()
    # END mean_of_losses


def rounded(x):
    """x rounded to whole numbers going forward; going backward, as if nothing had been rounded.

    It has the zero.
    """
    # TODO rounded: the value is right; of two equal addends one must not carry a gradient
    #               値は正しい。打ち消し合う二つの項のうち、一つは勾配を運んではいけない
    return x.round() + x - x
    # END rounded


if __name__ == "__main__":  # what the three losses have at the moment; the check says whether that is right
    w = torch.tensor([1.2, 3.4], requires_grad=True)
    losses = {"perplexity": perplexity(w), "mean_of_losses": mean_of_losses(list(w)), "rounded": rounded(w).sum()}
    for name, loss in losses.items():
        print(f"{name:15} value / 値 {loss.item():8.4f}   illness / 病名 {illness(loss, w)}")
    print("Right? / 正しいか: python -m gradcheck_lm lessons check l04")
