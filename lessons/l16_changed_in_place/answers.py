"""Right answers to exercise 16, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "writes": """
            versions = {name: one._version for name, one in tensors.items()}
            numbers = {name: one.detach().clone() for name, one in tensors.items()}
            action()
            found = []
            for name, one in tensors.items():
                if one._version > versions[name] or bool((one.detach() != numbers[name]).any()):
                    found.append(name)
            return found
            """,
        "residual": "return x * (gate.sigmoid() + 1)",
        "mask": "return torch.where(allowed, scores, value)",
        "average": "average.data.lerp_(new.detach(), 1 - decay)",
    },
    {
        "writes": """
            before = [(one._version, one.detach().tolist()) for one in tensors.values()]
            action()
            after = [(one._version, one.detach().tolist()) for one in tensors.values()]
            return [name for name, a, b in zip(tensors, before, after, strict=True) if a != b]
            """,
        "residual": """
            out = 1 / (1 + torch.exp(-gate))
            return out.mul(x).add(x)
            """,
        "mask": """
            filled = scores.clone()
            filled[~allowed.expand_as(scores)] = value
            return filled
            """,
        "average": """
            with torch.no_grad():
                average.copy_(decay * average + (1 - decay) * new)
            """,
    },
]
