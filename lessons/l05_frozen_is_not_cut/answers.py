"""Right answers to exercise 5, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "freeze": """
            for parameter in language_model.parameters():
                parameter.requires_grad = False
            language_model.train(False)
            """,
        "penalty": "return language_model(torch.softmax(logits, dim=1))",
        "movement": """
            without, with_loss = weights_after_a_step(None), weights_after_a_step(loss_of)
            return max((with_loss[name] - without[name]).abs().max().item() for name in start)
            """,
    },
    {
        "freeze": """
            for module in language_model.modules():
                module.training = False
            for parameter in language_model.parameters():
                parameter.requires_grad_(False)
            """,
        "penalty": """
            probabilities = logits.exp() / logits.exp().sum(-1, keepdim=True)
            return language_model(probabilities)
            """,
        "movement": """
            farthest = 0.0
            steps = [weights_after_a_step(one) for one in (loss_of, None)]
            for name in start:
                farthest = max(farthest, torch.dist(steps[0][name], steps[1][name], p=float("inf")).item())
            return farthest
            """,
    },
]
