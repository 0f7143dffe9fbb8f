"""Right answers to exercise 9, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "noise": """
            tiny = torch.finfo(uniform.dtype).tiny
            return -torch.log(-torch.log(torch.where(uniform > 0, uniform, tiny)))
            """,
        "sample": """
            soft = ((logits + gumbel_noise(uniform)) / temperature).softmax(dim=-1)
            hard = torch.zeros_like(soft).scatter(-1, soft.argmax(-1, keepdim=True), 1.0)
            return hard.detach() + (soft - soft.detach())
            """,
        "read": """
            if not training:
                soft = torch.softmax(logits, -1)
                hard = torch.zeros_like(soft).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
                return hard + (soft - soft.detach())
            return sample(logits, torch.rand(logits.shape, dtype=logits.dtype, generator=generator), temperature)
            """,
    },
    {
        "noise": """
            floor = torch.full_like(uniform, torch.finfo(uniform.dtype).tiny)
            return torch.maximum(uniform, floor).log().neg().log().neg()
            """,
        "sample": """
            noisy = logits + gumbel_noise(uniform)
            soft = torch.softmax(noisy / temperature, -1)
            hard = torch.eye(logits.shape[-1], dtype=logits.dtype)[noisy.argmax(-1)]
            return (soft - soft.detach()) + hard
            """,
        "read": """
            if training:
                noise = torch.empty_like(logits, requires_grad=False).uniform_(generator=generator)
                return sample(logits, noise, temperature)
            best = F.one_hot(logits.argmax(-1), logits.size(-1)).to(logits.dtype)
            soft = logits.log_softmax(-1).exp()
            return best + (soft - soft.detach())
            """,
    },
]
