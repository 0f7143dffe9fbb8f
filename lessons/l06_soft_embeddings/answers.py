"""Right answers to exercise 6, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "lookup": """
            import torch

            return torch.einsum("...c,cd->...d", torch.softmax(logits / temperature, -1), table)
            """,
        "targets": "return (targets * log_probs).sum() / -len(log_probs)",
        "score": """
            letters = logits.div(temperature).softmax(-1)
            vectors = letters[:-1] @ language_model.embedding.weight.T
            return soft_cross_entropy(language_model.predict(vectors), letters[1:])
            """,
    },
    {
        "lookup": """
            weights = (logits / temperature).log_softmax(-1).exp()
            return (weights.unsqueeze(-1) * table).sum(-2)
            """,
        "targets": """
            nats = -(log_probs * targets).sum(dim=1)
            return nats.mean()
            """,
        "score": """
            vectors = soft_lookup(logits, language_model.embedding.weight.T, temperature)[:-1]
            said = language_model.predict(vectors)
            return soft_cross_entropy(said, (logits[1:] / temperature).softmax(-1))
            """,
    },
]
