"""Right answers to exercise 12, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "letters": """
            soft = torch.softmax(logits.squeeze(1), dim=-1)
            return soft
            """,
        "nats": """
            with torch.enable_grad():
                return judge(reading)
            """,
        "mean": "return sum(scores) / len(scores)",
        "judge": """
            for one in judge.parameters():
                one.requires_grad = False
            return judge.train(False)
            """,
        "progress": """
            found = {}
            for name, term in terms.items():
                found[name] = float(term.detach())
            return found
            """,
        "test": "gradient_flow(lambda: terms(), wrt=model)",
    },
    {
        "letters": """
            soft = logits[:, 0].softmax(-1)
            hard = torch.nn.functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype)
            return hard + (soft - soft.detach())
            """,
        "nats": "return judge.forward(reading)",
        "mean": """
            total = scores[0]
            for score in scores[1:]:
                total = total + score
            return total / len(scores)
            """,
        "judge": """
            judge.requires_grad_(False)
            judge.eval()
            return judge
            """,
        "progress": "return dict(zip(terms, (term.detach().tolist() for term in terms.values()), strict=True))",
        "test": """
            for name in terms():
                gradient_flow(lambda name=name: terms()[name], model)
            gradient_flow(terms, model)
            """,
    },
]
