"""Right answers to exercise 26, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "average": """
            named = [dict(replica.named_parameters()) for replica in replicas]
            for name in named[0]:
                column = [each[name] for each in named]
                if all(one.grad is None for one in column):
                    continue
                mean = torch.stack([torch.zeros_like(one) if one.grad is None else one.grad for one in column]).mean(0)
                for one in column:
                    one.grad = mean.clone()
            """,
        "share": "return (losses / total).sum() * ranks",
        "apart": """
            states = [replica.state_dict() for replica in replicas]
            found = []
            for name in states[0]:
                for state in states[1:]:
                    if bool((state[name] != states[0][name]).any()):
                        found.append(name)
                        break
            return found
            """,
        "step": """
            count, samples = len(replicas), sum(map(len, batches))
            for replica in replicas:
                replica.zero_grad(set_to_none=True)
            for replica, batch in zip(replicas, batches, strict=True):
                (loss_of(replica, batch).sum() * count / samples).backward()
            average_gradients(replicas)
            used = [one.grad for one in replicas[0].parameters() if one.grad is not None]
            norm = float(torch.cat([one.flatten() for one in used]).norm())
            fine = norm < float("inf")
            for replica in replicas:
                for one in replica.parameters():
                    if one.grad is not None and fine:
                        one.data.add_(one.grad, alpha=-rate * min(1.0, limit / norm))
                    one.grad = None
            return fine
            """,
    },
    {
        "average": """
            for parameters in zip(*[list(replica.parameters()) for replica in replicas]):
                used = [one.grad.clone() for one in parameters if one.grad is not None]
                for one in parameters:
                    if used:
                        one.grad = torch.zeros_like(one)
                        for gradient in used:
                            one.grad += gradient / len(replicas)
            """,
        "share": """
            weight = ranks / total
            return torch.einsum("n->", losses) * weight
            """,
        "apart": """
            def entries(replica):
                return {**dict(replica.named_parameters()), **dict(replica.named_buffers())}

            all_of_them = [entries(replica) for replica in replicas]
            return [
                name
                for name in replicas[0].state_dict()
                if len({each[name].detach().numpy().tobytes() for each in all_of_them}) > 1
            ]
            """,
        "step": """
            total = sum(len(batch) for batch in batches)
            for replica in replicas:
                replica.zero_grad()
            for replica, batch in zip(replicas, batches):
                share_of_loss(loss_of(replica, batch), total, len(replicas)).backward()
            average_gradients(replicas)
            fine = all(
                bool(one.grad.isfinite().all())
                for replica in replicas
                for one in replica.parameters()
                if one.grad is not None
            )
            for replica in replicas:
                if fine:
                    nn.utils.clip_grad_norm_(replica.parameters(), limit)
                    torch.optim.SGD(replica.parameters(), lr=rate).step()
                replica.zero_grad()
            return fine
            """,
    },
]
