"""Wrong answers to exercise 8 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "wants_every_entry_other_than_zero": Mutant(
        {
            "is_right": """
            value = estimator(logits)
            if not value.requires_grad or not torch.equal(value.detach(), hard(logits).detach()):
                return False
            (found,) = torch.autograd.grad(value, logits, allow_unused=True)
            if found is None or not bool(found.ne(0).all()):
                return False
            (right,) = torch.autograd.grad(surrogate(logits), logits)
            checked = torch.autograd.gradcheck(surrogate, (logits,), raise_exception=False)
            return checked and torch.allclose(found, right)
            """
        },
        rejected_by="check_where_it_is_asked",
    ),
    "takes_the_mean_over_everything": Mutant(
        {
            "backward": """
            (soft,) = ctx.saved_tensors
            return soft * (grad - (soft * grad).sum(1, keepdim=True))
            """
        },
        rejected_by="check_each_row_by_itself",
    ),
    "puts_the_brackets_elsewhere": Mutant(
        {"straight_through": "return hard + soft - soft.detach()"}, rejected_by="check_value_to_the_bit"
    ),
    "returns_the_soft_letters": Mutant({"straight_through": "return soft"}, rejected_by="check_value_to_the_bit"),
    "adds_both": Mutant({"straight_through": "return hard + soft"}, rejected_by="check_value_to_the_bit"),
    "returns_the_hard_letters": Mutant({"straight_through": "return hard"}, rejected_by="check_gradient_of_soft"),
    "detaches_nothing": Mutant(
        {"straight_through": "return hard + (soft - soft)"}, rejected_by="check_gradient_of_soft"
    ),
    "detaches_everything": Mutant(
        {"straight_through": "return (hard + (soft - soft)).detach()"}, rejected_by="check_gradient_of_soft"
    ),
    "relabels_the_value": Mutant(
        {"straight_through": "return hard.detach().requires_grad_()"}, rejected_by="check_gradient_of_soft"
    ),
    "lets_hard_have_a_gradient": Mutant(
        {"straight_through": "return hard + (soft - soft.detach())"}, rejected_by="check_gradient_of_soft"
    ),
    "passes_the_gradient_on_as_it_is": Mutant({"backward": "return grad"}, rejected_by="check_custom_function"),
    "gives_no_gradient": Mutant({"backward": "return None"}, rejected_by="check_custom_function"),
    "forgets_that_probabilities_compete": Mutant(
        {
            "backward": """
            (soft,) = ctx.saved_tensors
            return soft * (1 - soft) * grad
            """
        },
        rejected_by="check_custom_function",
    ),
    "measures_the_slope_at_the_soft_letters": Mutant(
        {
            "surrogate": """
            letters = logits.softmax(-1).detach().requires_grad_()
            (slope,) = torch.autograd.grad(score(letters), letters)
            return lambda moved: (slope * moved.softmax(-1)).sum()
            """
        },
        rejected_by="check_surrogate",
    ),
    "moves_the_hard_letters": Mutant(
        {"surrogate": "return lambda moved: score(F.one_hot(moved.argmax(-1), moved.shape[-1]).to(moved.dtype))"},
        rejected_by="check_surrogate",
    ),
    "trusts_gradcheck": Mutant(
        {"is_right": "return torch.autograd.gradcheck(estimator, (logits,), raise_exception=False)"},
        rejected_by="check_right_estimator_is_accepted",
    ),
    "accepts_what_has_a_gradient": Mutant(
        {
            "is_right": """
            value = estimator(logits)
            if not value.requires_grad:
                return False
            (found,) = torch.autograd.grad(value, logits, allow_unused=True)
            return found is not None and bool(found.ne(0).any())
            """
        },
        rejected_by="check_deceivers_are_rejected",
    ),
    "compares_values_with_a_tolerance": Mutant(
        {
            "is_right": """
            value = estimator(logits)
            if not value.requires_grad or not torch.allclose(value, hard(logits)):
                return False
            (found,) = torch.autograd.grad(value, logits, allow_unused=True)
            if found is None or not bool(found.ne(0).any()):
                return False
            (right,) = torch.autograd.grad(surrogate(logits), logits)
            checked = torch.autograd.gradcheck(surrogate, (logits,), raise_exception=False)
            return checked and torch.allclose(found, right)
            """
        },
        rejected_by="check_deceivers_are_rejected",
    ),
    "believes_the_surrogate": Mutant(
        {
            "is_right": """
            value = estimator(logits)
            if not value.requires_grad or not torch.equal(value.detach(), hard(logits).detach()):
                return False
            (found,) = torch.autograd.grad(value, logits, allow_unused=True)
            if found is None or not bool(found.ne(0).any()):
                return False
            (right,) = torch.autograd.grad(surrogate(logits), logits)
            return torch.allclose(found, right)
            """
        },
        rejected_by="check_surrogate_itself_is_examined",
    ),
    "takes_two_zeros_for_agreement": Mutant(
        {
            "is_right": """
            value = estimator(logits)
            if not value.requires_grad or not torch.equal(value.detach(), hard(logits).detach()):
                return False
            (found,) = torch.autograd.grad(value, logits, allow_unused=True)
            if found is None:
                return False
            (right,) = torch.autograd.grad(surrogate(logits), logits)
            checked = torch.autograd.gradcheck(surrogate, (logits,), raise_exception=False)
            return checked and torch.allclose(found, right)
            """
        },
        rejected_by="check_surrogate_itself_is_examined",
    ),
}

EQUAL = {
    "straight_through: argument: detach  `hard`": "it is detached anyway",
    "straight_through: argument: detach  `soft` #2": "it is detached anyway",
    "is_right: .detach() left out  `value.detach()`": "torch.equal looks at values alone",
    "is_right: .detach() left out  `hard(logits).detach()`": "torch.equal looks at values alone",
    "is_right: argument: detach  `logits` #2": "of hard only the value is used",
}
