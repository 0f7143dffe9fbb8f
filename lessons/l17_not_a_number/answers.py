"""Right answers to exercise 17, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "distance": """
            squared = ((a - b) ** 2).sum(-1)
            safe = squared.masked_fill(squared == 0, 1.0)
            return safe.sqrt() * (squared > 0)
            """,
        "entropy": """
            zero = probabilities == 0
            logs = probabilities.masked_fill(zero, 1.0).log()
            return -(probabilities.masked_fill(zero, 0.0) * logs).sum(-1)
            """,
        "first": """
            leaves, outs = [], []
            for _, stage in stages:
                leaves.append(value.detach().requires_grad_())
                value = stage(leaves[-1])
                outs.append(value)
            gradient = torch.ones_like(value)
            for place in range(len(stages) - 1, -1, -1):
                gradient = torch.autograd.grad(outs[place], leaves[place], gradient)[0]
                if gradient.isnan().any() or gradient.isinf().any():
                    return stages[place][0]
            return None
            """,
    },
    {
        "distance": "return torch.linalg.vector_norm(a - b, dim=-1)",
        "entropy": """
            inside = torch.where(probabilities > 0, probabilities, torch.ones_like(probabilities))
            return -(inside.log() * inside).sum(dim=-1)
            """,
        "first": """
            outs = [value.detach().requires_grad_()]
            for _, stage in stages:
                outs.append(stage(outs[-1]))
            found = torch.autograd.grad(outs[-1].sum(), outs[:-1], retain_graph=True)
            for (name, _), gradient in zip(reversed(stages), reversed(found), strict=True):
                if not gradient.isfinite().all():
                    return name
            return None
            """,
    },
]
