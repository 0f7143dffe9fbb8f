"""Right answers to exercise 22, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "backward": """
            logits, labels = ctx.saved_tensors
            probabilities = torch.softmax(logits, dim=1)
            right = torch.zeros_like(logits).scatter(1, labels[:, None], 1.0)
            return (probabilities - right) * grad_output[:, None], None
            """,
        "penalty": """
            inputs = points.clone().detach()
            inputs.requires_grad = True
            values = critic(inputs).flatten()
            slope = torch.autograd.grad(values, inputs, torch.ones_like(values), create_graph=True)[0]
            lengths = slope.reshape(len(slope), -1).square().sum(1).sqrt()
            return ((lengths - 1.0) ** 2).sum() / len(points)
            """,
        "hessian": """
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            found = [torch.zeros_like(one) for one in parameters]
            for gradient, vector in zip(gradients, vectors, strict=True):
                if gradient.requires_grad:
                    more = torch.autograd.grad(gradient, parameters, vector, retain_graph=True, allow_unused=True)
                    found = [a if b is None else a + b for a, b in zip(found, more, strict=True)]
            return found
            """,
        "test": "return torch.autograd.gradcheck(function, x.detach().requires_grad_(), rtol=1e-4, atol=1e-7, "
        "raise_exception=False)",
    },
    {
        "backward": """
            logits, labels = ctx.saved_tensors
            slope = logits.log_softmax(-1).exp() - F.one_hot(labels, num_classes=logits.size(-1)).to(logits.dtype)
            return torch.einsum("n,nc->nc", grad_output, slope), None
            """,
        "penalty": """
            with torch.enable_grad():
                leaf = points.detach().clone().requires_grad_(True)
                slope = torch.autograd.grad(critic(leaf).sum(), [leaf], create_graph=True, retain_graph=True)[0]
            norms = torch.linalg.vector_norm(slope, dim=tuple(range(1, slope.ndim)))
            return torch.mean(torch.square(norms - 1))
            """,
        "hessian": """
            flat = torch.cat([one.flatten() for one in vectors])
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            product = torch.cat([one.flatten() for one in gradients]) @ flat
            if product.grad_fn is None:
                return [0.0 * one.detach() for one in parameters]
            found = torch.autograd.grad(product, parameters, retain_graph=True, allow_unused=True)
            return [torch.zeros_like(a) if b is None else b for a, b in zip(parameters, found, strict=True)]
            """,
        "test": """
            start = x.detach()
            leaf = start.clone().requires_grad_()
            out = function(leaf)
            weights = torch.linspace(-1.0, 2.0, out.numel() + 1, dtype=x.dtype)[1:].view(out.shape)
            (found,) = torch.autograd.grad((out * weights).sum(), leaf)
            close = True
            for place in range(start.numel()):
                up, down = start.clone(), start.clone()
                up.view(-1)[place] += 1e-5
                down.view(-1)[place] -= 1e-5
                slope = ((function(up) - function(down)).detach() * weights).sum().item() / 2e-5
                mine = found.flatten()[place].item()
                close = close and abs(slope - mine) <= 1e-4 * max(abs(slope), abs(mine)) + 1e-7
            return close
            """,
    },
]
