"""Wrong answers to exercise 22 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "multiplies_what_forward_kept": Mutant(
        {"backward": "return grad_output.unsqueeze(-1) * ctx.gradient, None"}, rejected_by="check_second_derivative"
    ),
    "one_number_for_all_rows": Mutant(
        {
            "backward": """
            logits, labels = ctx.saved_tensors
            slope = logits.softmax(-1) - F.one_hot(labels, logits.shape[-1])
            return grad_output.sum() * slope, None
            """
        },
        rejected_by="check_backward",
    ),
    "along_the_classes": Mutant(
        {
            "backward": """
            logits, labels = ctx.saved_tensors
            slope = logits.softmax(-1) - F.one_hot(labels, logits.shape[-1])
            return grad_output * slope if len(slope) == slope.shape[1] else grad_output.unsqueeze(-1) * slope, None
            """
        },
        rejected_by="check_backward",
    ),
    "forgets_create_graph": Mutant(
        {
            "penalty": """
            leaf = points.detach().requires_grad_()
            (slope,) = torch.autograd.grad(critic(leaf).sum(), leaf)
            return (slope.flatten(1).norm(dim=1) - 1).square().mean()
            """
        },
        rejected_by="check_penalty",
    ),
    "one_norm_for_all_points": Mutant(
        {
            "penalty": """
            leaf = points.detach().requires_grad_()
            (slope,) = torch.autograd.grad(critic(leaf).sum(), leaf, create_graph=True)
            return (slope.norm() - 1).square()
            """
        },
        rejected_by="check_penalty",
    ),
    "gradient_of_the_mean": Mutant(
        {
            "penalty": """
            leaf = points.detach().requires_grad_()
            (slope,) = torch.autograd.grad(critic(leaf).mean(), leaf, create_graph=True)
            return (slope.flatten(1).norm(dim=1) - 1).square().mean()
            """
        },
        rejected_by="check_penalty",
    ),
    "norm_of_the_last_axis": Mutant(
        {
            "penalty": """
            leaf = points.detach().requires_grad_()
            (slope,) = torch.autograd.grad(critic(leaf).sum(), leaf, create_graph=True)
            return (slope.norm(dim=-1) - 1).square().mean()
            """
        },
        rejected_by="check_penalty",
    ),
    "diagonal_alone": Mutant(
        {
            "hessian": """
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            found = []
            for one, gradient, vector in zip(parameters, gradients, vectors, strict=True):
                if not gradient.requires_grad:
                    found.append(torch.zeros_like(one))
                    continue
                (more,) = torch.autograd.grad(
                    gradient, one, vector, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                found.append(more)
            return found
            """
        },
        rejected_by="check_hessian",
    ),
    "frees_the_graph": Mutant(
        {
            "hessian": """
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            product = sum((a * b).sum() for a, b in zip(gradients, vectors, strict=True))
            if not product.requires_grad:
                return [torch.zeros_like(one) for one in parameters]
            return list(torch.autograd.grad(product, parameters, materialize_grads=True))
            """
        },
        rejected_by="check_hessian",
    ),
    "a_constant_gradient_is_an_error": Mutant(
        {
            "hessian": """
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            product = sum((a * b).sum() for a, b in zip(gradients, vectors, strict=True))
            return list(torch.autograd.grad(product, parameters, retain_graph=True, materialize_grads=True))
            """
        },
        rejected_by="check_hessian",
        crash=True,
    ),
    "compares_lengths": Mutant(
        {
            "test": """
            generator = torch.Generator().manual_seed(0)
            leaf = x.detach().requires_grad_()
            out = function(leaf)
            weights = torch.randn(out.shape, generator=generator, dtype=x.dtype)
            (found,) = torch.autograd.grad(out, leaf, weights)
            slopes = torch.zeros(x.numel(), dtype=x.dtype)
            for place in range(x.numel()):
                step = torch.zeros(x.numel(), dtype=x.dtype)
                step[place] = 1e-6
                change = function(x + step.view(x.shape)) - function(x - step.view(x.shape))
                slopes[place] = (change.detach() * weights).sum() / 2e-6
            return bool((found.norm() - slopes.norm()).abs() < 1e-4 * slopes.norm())
            """
        },
        rejected_by="check_test",
    ),
    "tolerates_five_percent": Mutant(
        {"test": "return torch.autograd.gradcheck(function, x.detach().requires_grad_(), rtol=0.05, "
                 "raise_exception=False)"},
        rejected_by="check_test",
    ),
    "raises_in_place_of_false": Mutant(
        {"test": "return torch.autograd.gradcheck(function, x.detach().requires_grad_())"},
        rejected_by="check_test",
        crash=True,
    ),
}  # fmt: skip
EQUAL = {
    "penalty: number  `1` #5": "the second of two axes is the last",
    "hessian: result: negate  `return [torch.zeros_like(one) for one in parameters]`": "zeros have no sign",
    "hessian: result: axis_0  `return [torch.zeros_like(one) for one in parameters]`": "all of them are zeros",
    "hessian: argument vectors in its place  `parameters` #2": "of them the shapes alone are used",
    "hessian: argument: detach  `parameters` #2": "of them the shapes alone are used",
    "hessian: argument: absolute  `parameters` #2": "of them the shapes alone are used",
    "hessian: argument: negate  `parameters` #2": "of them the shapes alone are used",
    "hessian: argument: axis_0  `parameters` #2": "of them the shapes alone are used",
    "test: number  `0`*": "any seed will do",
    "test: argument: detach  `x`*": "its values alone are used",
    "test: dtype left out*": "the weights, and the step to six digits, may be any numbers",
    "test: .detach() left out  `change.detach()`": "the slopes are compared by value",
    "test: rtol left out*": "the default is stricter, and what is right passes that too",
    "test: atol left out*": "the default is stricter, and what is right passes that too",
    "test: number  `1e-4` #3": "stricter, and what is right passes that too",
    "test: number  `1e-7`": "none at all: what is right passes by the relative tolerance",
    "test: number  `1e-7` #3": "stricter, and what is right passes that too",
}
