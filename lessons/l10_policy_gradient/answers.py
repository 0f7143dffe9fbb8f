"""Right answers to exercise 10, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "baseline": """
            count = costs.shape[0]
            return torch.stack([torch.cat([costs[:k], costs[k + 1 :]]).mean(0) for k in range(count)])
            """,
        "surrogate": """
            numbers = costs.detach()
            weighted = (numbers - leave_one_out(numbers)) * log_prob
            return weighted.sum() / len(costs)
            """,
        "marginal": """
            ids, lengths = collapse_paths(paths)
            found = []
            for line in range(paths.shape[1]):
                target = ids[line : line + 1, : max(1, int(lengths[line]))]
                if target.shape[1] == 0:
                    target = torch.zeros(1, 1, dtype=ids.dtype)
                frames = torch.tensor([len(paths)])
                log_probs = logits[:, line : line + 1].log_softmax(-1)
                found.append(-F.ctc_loss(log_probs, target, frames, lengths[line : line + 1], reduction="sum"))
            return torch.stack(found)
            """,
        "draw": """
            shares = torch.softmax(logits, -1).detach()
            paths = torch.stack(
                [torch.multinomial(row, samples, replacement=True, generator=generator) for row in shares]
            )
            """,
    },
    {
        "baseline": """
            count = len(costs)
            others = torch.ones(count, count, dtype=costs.dtype) - torch.eye(count, dtype=costs.dtype)
            return others @ costs / (count - 1)
            """,
        "surrogate": """
            with torch.no_grad():
                advantage = costs - leave_one_out(costs)
            return torch.sum(advantage * log_prob, dim=0).div(costs.shape[0]).sum()
            """,
        "marginal": """
            ids, lengths = collapse_paths(paths)
            targets = torch.cat([ids, ids.new_zeros(len(ids), 1)], 1)
            frames = lengths.new_full(lengths.shape, paths.shape[0])
            loss = F.ctc_loss(F.log_softmax(logits, 2), targets, frames, lengths, blank=0, reduction="none")
            return loss.neg()
            """,
        "draw": """
            with torch.no_grad():
                uniform = torch.rand(len(logits), samples, 1, generator=generator, dtype=logits.dtype)
                below = logits.softmax(-1).cumsum(-1)[:, None]
                paths = (uniform > below).sum(-1).clamp(max=logits.shape[-1] - 1)
            """,
    },
]
