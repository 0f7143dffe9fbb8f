"""Right answers to exercise 25, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "nearest": """
            import torch

            flat = z.reshape(-1, z.shape[-1])
            return torch.cdist(flat, codebook).argmin(1).reshape(z.shape[:-1])
            """,
        "pass_through": """
            import torch

            class Through(torch.autograd.Function):
                @staticmethod
                def forward(ctx, moving, constant):
                    return constant.clone()

                @staticmethod
                def backward(ctx, gradient):
                    return gradient, None

            return Through.apply(z, rows)
            """,
        "terms": """
            codebook_term = (rows - z.detach()).pow(2).mean()
            commitment_term = (rows.detach() - z).pow(2).mean()
            return codebook_term + commitment_term * beta
            """,
        "residual": """
            chosen = []
            losses = []
            for codebook in codebooks:
                left = z - sum(one.detach() for one in chosen)
                chosen.append(codebook[nearest(left, codebook)])
                losses.append(quantisation_loss(left, chosen[-1], beta))
            return pass_through(z, sum(chosen)), sum(losses)
            """,
    },
    {
        "nearest": """
            scores = 2 * (z @ codebook.T) - codebook.square().sum(-1)
            return scores.argmax(-1)
            """,
        "pass_through": "return (z - z.detach()) + rows.detach()",
        "terms": """
            n = z.numel()
            pulled = (z.detach() - rows).norm() ** 2 / n
            return pulled + beta * (z - rows.detach()).norm() ** 2 / n
            """,
        "residual": """
            import torch

            left, total, loss = z, torch.zeros_like(z), z.new_zeros(())
            for codebook in codebooks:
                rows = torch.nn.functional.embedding(nearest(left.detach(), codebook), codebook)
                loss = loss + F.mse_loss(rows, left.detach()) + beta * F.mse_loss(left, rows.detach())
                total = total + rows.detach()
                left = z - total
            return z + (total - z).detach(), loss
            """,
    },
]
