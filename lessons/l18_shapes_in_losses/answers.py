"""Right answers to exercise 18, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "pairs": """
            result = torch.empty(one).add(torch.empty(other)).shape.numel()
            return max(torch.Size(one).numel(), torch.Size(other).numel()) < result
            """,
        "square": """
            def flat(values):
                if values.ndim == 2 and values.shape[1] == 1:
                    return values[:, 0]
                if values.ndim == 1:
                    return values
                raise ValueError(f"{tuple(values.shape)} is neither (N,) nor (N, 1)")

            a, b = flat(prediction), flat(target)
            if a.shape != b.shape:
                raise ValueError(f"{len(a)} predictions and {len(b)} targets")
            return F.mse_loss(a, b)
            """,
        "masked": """
            counts = labels != ignore
            safe = labels.masked_fill(~counts, 0)
            nats = -logits.log_softmax(-1).gather(2, safe[:, :, None])[:, :, 0]
            return (nats * counts).sum() / counts.sum().clamp(min=1)
            """,
        "nats": "return -probabilities[torch.arange(len(labels)), labels].log().mean()",
    },
    {
        "pairs": """
            import math

            width = max(len(one), len(other))
            a, b = (1,) * (width - len(one)) + tuple(one), (1,) * (width - len(other)) + tuple(other)
            result = math.prod(max(pair) for pair in zip(a, b, strict=True))
            return result not in (math.prod(a), math.prod(b))
            """,
        "square": """
            allowed = {(len(prediction),), (len(prediction), 1)} if prediction.ndim else set()
            if tuple(prediction.shape) not in allowed or tuple(target.shape) not in allowed:
                raise ValueError("both must be (N,) or (N, 1), with the same N")
            return (prediction.view(-1, 1) - target.view(-1, 1)).pow(2).mean()
            """,
        "masked": """
            kept = labels.ne(ignore)
            if not kept.any():
                return logits.sum() * 0.0
            return F.cross_entropy(logits[kept], labels[kept])
            """,
        "nats": """
            chosen = probabilities.gather(1, labels.unsqueeze(1)).squeeze(1)
            return -torch.log(chosen).sum() / len(chosen)
            """,
    },
]
