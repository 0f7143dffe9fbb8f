"""Right answers to exercise 23, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "pathwise": """
            z = mean[None, :] + noise * scale[None, :]
            costs = cost(z)
            return costs.sum() / len(costs)
            """,
        "score": """
            import math

            z = mean.detach() + scale.detach() * noise
            costs = cost(z)
            log_p = (-((z - mean) ** 2) / (2 * scale**2) - scale.log() - 0.5 * math.log(2 * math.pi)).sum(dim=1)
            numbers = costs.detach()
            baseline = (numbers.sum() - numbers) / (len(numbers) - 1)
            ratio = (log_p - log_p.detach()).exp()
            return (costs + (numbers - baseline) * (ratio - 1)).mean()
            """,
        "mixed": """
            import torch

            z = noise * scale + mean
            p = torch.softmax(logits_of(z), dim=1)
            chosen = p[torch.arange(len(classes)), classes]
            costs = cost(z, classes)
            return torch.mean(costs + costs.detach() * (chosen / chosen.detach() - 1))
            """,
    },
    {
        "pathwise": "return sum(cost(mean + scale * one[None])[0] for one in noise) / len(noise)",
        "score": """
            import torch

            with torch.no_grad():
                z = Normal(mean, scale).loc + scale * noise
            costs = cost(z)
            count = costs.numel()
            advantage = (costs.detach() - costs.detach().mean()) * count / (count - 1)
            surrogate = (advantage * Normal(mean, scale).log_prob(z).sum(dim=-1)).mean()
            return costs.mean() + surrogate - surrogate.detach()
            """,
        "mixed": """
            import torch.nn.functional as F

            z = Normal(mean, scale).mean + scale * noise
            log_p = -F.cross_entropy(logits_of(z), classes, reduction="none")
            costs = cost(z, classes)
            surrogate = (costs.detach() * log_p).mean()
            return costs.mean() + (surrogate - surrogate.detach())
            """,
    },
]
