"""Right answers to exercise 8, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "straight_through": """
            class Through(torch.autograd.Function):
                @staticmethod
                def forward(ctx, hard, soft):
                    return hard.clone()

                @staticmethod
                def backward(ctx, gradient):
                    return None, gradient

            return Through.apply(hard.detach(), soft)
            """,
        "backward": """
            soft = ctx.saved_tensors[0]
            weighted = soft * grad
            return weighted - soft * weighted.sum(-1, keepdim=True)
            """,
        "surrogate": """
            hard = F.one_hot(logits.detach().argmax(-1), logits.shape[-1]).to(logits)
            leaf = hard.clone().requires_grad_(True)
            slope = torch.autograd.grad(score(leaf), leaf)[0].detach()

            def linear(moved):
                return torch.sum(moved.softmax(dim=-1) * slope)

            return linear
            """,
        "is_right": """
            value = estimator(logits)
            same = torch.equal(value.detach(), hard(logits).detach())
            found = torch.autograd.grad(value, logits, allow_unused=True)[0] if value.requires_grad else None
            if not same or found is None or torch.count_nonzero(found) == 0:
                return False
            if not torch.autograd.gradcheck(surrogate, logits, raise_exception=False):
                return False
            return torch.allclose(torch.autograd.grad(surrogate(logits), logits)[0], found)
            """,
    },
    {
        "straight_through": """
            zero = soft - soft.detach()
            return zero + hard.detach()
            """,
        "backward": """
            (soft,) = ctx.saved_tensors
            jacobian = torch.diag_embed(soft) - soft.unsqueeze(-1) * soft.unsqueeze(-2)
            return (jacobian @ grad.unsqueeze(-1)).squeeze(-1)
            """,
        "surrogate": """
            best = logits.argmax(-1, keepdim=True)
            letters = torch.zeros_like(logits).scatter(-1, best, 1.0).detach().requires_grad_()
            slope = torch.autograd.grad(score(letters), letters)[0]
            return lambda moved: (moved.softmax(-1) * slope).sum(-1).sum()
            """,
        "is_right": """
            value, wanted = estimator(logits), hard(logits)
            if (value.detach() != wanted.detach()).any() or not value.requires_grad:
                return False
            try:
                (found,) = torch.autograd.grad(value, logits)
            except RuntimeError:
                return False
            (right,) = torch.autograd.grad(surrogate(logits), logits)
            near = bool(torch.isclose(found, right).all())
            return near and bool(found.any()) and torch.autograd.gradcheck(surrogate, (logits,), raise_exception=False)
            """,
    },
]
