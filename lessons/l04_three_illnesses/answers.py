"""Right answers to exercise 4, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "illness": """
            word = "healthy"
            if loss.requires_grad is False:
                word = "cut"
            else:
                found = torch.autograd.grad(loss, parameter, allow_unused=True, retain_graph=True)[0]
                if found is None:
                    word = "false leaf"
                elif found.isnan().any() or found.isinf().any():
                    word = "not finite"
                elif torch.count_nonzero(found) == 0:
                    word = "zero"
                else:
                    right = slope_along(loss_of, parameter, direction)
                    if abs((found * direction).sum().item() - right) > 1e-3 * abs(right):
                        word = "wrong"
            return word
            """,
        "perplexity": "return nats.mean().exp()",
        "mean_of_losses": "return sum(losses) / len(losses)",
        "rounded": "return x.round().detach() + (x - x.detach())",
        "root": """
            kept = torch.where(x > 0, x, torch.ones_like(x))
            return torch.where(x > 0, kept.sqrt(), torch.zeros_like(x))
            """,
        "spread": "return x.var(unbiased=False)",
        "frozen": "return (weight @ x).pow(2).mean()",
    },
    {
        "illness": """
            if loss.grad_fn is None and not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad([loss], [parameter], retain_graph=True, allow_unused=True)
            if found is None:
                return "false leaf"
            if not torch.isfinite(found).all():
                return "not finite"
            if (found == 0).all():
                return "zero"
            ours, theirs = torch.sum(found * direction).item(), slope_along(loss_of, parameter, direction)
            return "wrong" if abs(ours - theirs) > abs(theirs) / 1000 else "healthy"
            """,
        "perplexity": "return (nats.sum() / nats.numel()).exp()",
        "mean_of_losses": """
            total = losses[0]
            for loss in losses[1:]:
                total = total + loss
            return total / len(losses)
            """,
        "rounded": """
            class Rounded(torch.autograd.Function):
                @staticmethod
                def forward(ctx, x):
                    return x.round()

                @staticmethod
                def backward(ctx, gradient):
                    return gradient

            return Rounded.apply(x)
            """,
        "root": """
            positive = (x > 0).nonzero(as_tuple=True)
            return torch.zeros_like(x).index_put(positive, x[positive].sqrt())
            """,
        "spread": "return (x - x.mean()).square().mean()",
        "frozen": """
            out = torch.nn.functional.linear(x, weight.requires_grad_(False))
            return (out * out).sum() / 2
            """,
    },
]
