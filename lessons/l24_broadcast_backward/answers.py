"""Right answers to exercise 24, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "actor": """
            def flat(one):
                if one.ndim == 2 and one.shape[1] == 1:
                    return one[:, 0]
                if one.ndim == 1:
                    return one
                raise ValueError(f"{tuple(one.shape)} is neither (N,) nor (N, 1)")

            a, b, c = flat(log_p), flat(returns), flat(values)
            if not a.shape == b.shape == c.shape:
                raise ValueError("not the same N")
            return (a * (c.detach() - b.detach())).mean()
            """,
        "masked": """
            if values.shape[: mask.ndim] != mask.shape:
                raise ValueError("the mask must have the first axes of the values")
            chosen = values[mask]
            return chosen.sum() / max(chosen.numel(), 1)
            """,
        "attend": """
            keep = ~padding.unsqueeze(1).expand_as(scores)
            alive = keep.any(-1, keepdim=True)
            safe = torch.where(keep | ~alive, scores, torch.full_like(scores, float("-inf")))
            weights = torch.where(keep, safe.softmax(-1), torch.zeros_like(scores))
            return torch.bmm(weights, values)
            """,
        "samples": """
            copies = torch.stack([weight.detach()] * count).requires_grad_()
            loss_of(copies).backward()
            return copies.grad
            """,
    },
    {
        "actor": """
            shapes = [tuple(one.shape) for one in (log_p, returns, values)]
            if any(len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) for shape in shapes):
                raise ValueError(shapes)
            if len({shape[0] for shape in shapes}) > 1:
                raise ValueError(shapes)
            with torch.no_grad():
                advantage = returns.view(-1, 1) - values.view(-1, 1)
            return -torch.mean(log_p.view(-1, 1) * advantage)
            """,
        "masked": """
            if mask.ndim > values.ndim or tuple(values.shape)[: mask.ndim] != tuple(mask.shape):
                raise ValueError((mask.shape, values.shape))
            while mask.ndim < values.ndim:
                mask = mask.unsqueeze(-1)
            mask = mask.expand(values.shape)
            return values.masked_fill(~mask, 0).sum() / mask.sum().clamp(min=1)
            """,
        "attend": """
            results = []
            for sample in range(len(scores)):
                keep = (~padding[sample]).nonzero()[:, 0]
                weights = scores[sample].index_select(1, keep).softmax(-1)
                results.append(weights @ values[sample].index_select(0, keep))
            return torch.stack(results)
            """,
        "samples": """
            leaf = weight.detach().requires_grad_()
            copies = leaf.expand(count, *leaf.shape)
            (found,) = torch.autograd.grad(loss_of(copies), copies)
            return found.clone()
            """,
    },
]
