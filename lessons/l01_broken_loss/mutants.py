"""Wrong answers to exercise 1 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "lets_a_nan_teach": Mutant(
        {"verdict": "return any(bool(one.ne(0).any()) for one in term_gradients(term, parameters))"},
        rejected_by="check_nan_teaches_nothing",
    ),
    "compares_norms": Mutant(
        {
            "bits": """
            parameters = list(parameters)
            first, *others = [term_gradients(total_loss(weight), parameters) for weight in weights]
            pairs = [(a, b) for other in others for a, b in zip(first, other, strict=True)]
            return all(torch.equal(a.norm(), b.norm()) for a, b in pairs)
            """
        },
        rejected_by="check_every_weight_and_every_parameter_counts",
    ),
    "ignores_the_weights": Mutant(
        {
            "bits": """
            parameters = list(parameters)
            first, *others = [term_gradients(total_loss(weight), parameters) for weight in (0.0, 1.0, 100.0)]
            return all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))
            """
        },
        rejected_by="check_the_weights_given_are_used",
    ),
    "keeps_the_old_grad": Mutant(
        {
            "gradients": """
            parameters = list(parameters)
            if not term.requires_grad:
                return [torch.zeros_like(parameter) for parameter in parameters]
            for parameter in parameters:
                parameter.grad = None
            term.backward(retain_graph=True)
            found = [parameter.grad for parameter in parameters]
            for parameter in parameters:
                parameter.grad = None
            return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]
            """
        },
        rejected_by="check_value_of_the_gradients",
    ),
    "backward_adds_to_grad": Mutant(
        {
            "gradients": """
            if not term.requires_grad:
                return [torch.zeros_like(parameter) for parameter in parameters]
            term.backward(retain_graph=True)
            return [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
            """
        },
        rejected_by="check_value_of_the_gradients",
    ),
    "none_is_left_in_the_list": Mutant(
        {"gradients": "return list(torch.autograd.grad(term, parameters, allow_unused=True, retain_graph=True))"},
        rejected_by="check_value_of_the_gradients",
    ),
    "stops_at_a_term_without_graph": Mutant(
        {
            "gradients": """
            found = torch.autograd.grad(term, parameters, allow_unused=True, retain_graph=True)
            return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found)]
            """
        },
        rejected_by="check_term_without_a_graph",
        crash=True,
    ),
    "believes_requires_grad": Mutant(
        {"verdict": "return term.requires_grad"},
        rejected_by="check_true_that_proves_nothing",
    ),
    "believes_that_a_path_is_enough": Mutant(
        {
            "verdict": """
            if not term.requires_grad:
                return False
            found = torch.autograd.grad(term, list(parameters), allow_unused=True, retain_graph=True)
            return any(gradient is not None for gradient in found)
            """
        },
        rejected_by="check_true_that_proves_nothing",
    ),
    "adds_entries_that_cancel": Mutant(
        {"verdict": "return any(float(gradient.sum()) != 0 for gradient in term_gradients(term, parameters))"},
        rejected_by="check_alive_terms",
    ),
    "takes_small_for_zero": Mutant(
        {"verdict": "return any(float(g.norm()) > 1e-8 for g in term_gradients(term, parameters))"},
        rejected_by="check_alive_terms",
    ),
    "compares_the_losses": Mutant(
        {
            "bits": """
            first, *others = [total_loss(weight) for weight in weights]
            return all(torch.equal(first, other) for other in others)
            """
        },
        rejected_by="check_weight_of_the_broken_penalty",
    ),
    "compares_roughly": Mutant(
        {
            "bits": """
            parameters = list(parameters)
            first, *others = [term_gradients(total_loss(weight), parameters) for weight in weights]
            return all(torch.allclose(a, b) for other in others for a, b in zip(first, other))
            """
        },
        rejected_by="check_weight_of_a_live_penalty",
    ),
}

EQUAL = {
    "gradients: result: negate  `return [torch.zeros_like*": "minus 0 is 0",
    "gradients: result: axis_0  `return [torch.zeros_like*": "every row of zeros is the same",
    "gradients: argument: detach  `parameters`*": "of these only the shape is asked for: zeros of that shape",
    "gradients: argument: absolute  `parameters`*": "of these only the shape is asked for: zeros of that shape",
    "gradients: argument: negate  `parameters`*": "of these only the shape is asked for: zeros of that shape",
    "gradients: argument: axis_0  `parameters`*": "of these only the shape is asked for: zeros of that shape",
    "verdict: argument: absolute  `term`": "the gradient is zero or not whatever its sign",
    "verdict: argument: negate  `term`": "the gradient is zero or not whatever its sign",
}
