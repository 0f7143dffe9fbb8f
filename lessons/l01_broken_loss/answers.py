"""Right answers to exercise 1, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "gradients": """
            found = []
            for parameter in parameters:
                gradient = None
                if term.grad_fn is not None or term is parameter:
                    (gradient,) = torch.autograd.grad(term, [parameter], retain_graph=True, allow_unused=True)
                found.append(torch.zeros_like(parameter) if gradient is None else gradient)
            return found
            """,
        "verdict": """
            total = 0
            for gradient in term_gradients(term, parameters):
                if gradient.isnan().any() or gradient.isinf().any():
                    return False
                total += torch.count_nonzero(gradient).item()
            return total > 0
            """,
        "bits": """
            parameters = list(parameters)
            seen = []
            for weight in weights:
                seen.append(torch.cat([one.flatten() for one in term_gradients(total_loss(weight), parameters)]))
            for one in seen:
                if not torch.equal(one, seen[0]):
                    return False
            return True
            """,
    },
    {
        "gradients": """
            if not term.requires_grad:
                return [torch.zeros_like(parameter) for parameter in parameters]
            return list(
                torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
            )
            """,
        "verdict": """
            found = term_gradients(term, parameters)
            finite = all(torch.isfinite(one).all().item() for one in found)
            return finite and sum((one != 0).sum().item() for one in found) != 0
            """,
        "bits": """
            kept = list(parameters)
            first = None
            for weight in weights:
                now = term_gradients(total_loss(weight), kept)
                if first is None:
                    first = now
                elif any(not torch.equal(a, b) for a, b in zip(first, now, strict=True)):
                    return False
            return True
            """,
    },
]
