"""Wrong answers to exercise 17 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "masks_behind_the_root": Mutant(
        {
            "distance": """
            squared = (a - b).square().sum(-1)
            return torch.where(squared > 0, squared.sqrt(), 0.0)
            """
        },
        rejected_by="check_equal_rows",
    ),
    "adds_an_epsilon": Mutant(
        {"distance": "return ((a - b).square().sum(-1) + 1e-12).sqrt()"}, rejected_by="check_distance"
    ),
    "clamps_small_distances": Mutant(
        {"distance": "return (a - b).square().sum(-1).clamp_min(1e-12).sqrt()"}, rejected_by="check_distance"
    ),
    "detaches_one_side": Mutant(
        {
            "distance": """
            squared = (a - b.detach()).square().sum(-1)
            apart = squared > 0
            return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)
            """
        },
        rejected_by="check_distance",
    ),
    "puts_zero_for_nan": Mutant(
        {"entropy": "return -torch.nan_to_num(probabilities * probabilities.log()).sum(-1)"},
        rejected_by="check_entropy",
    ),
    "adds_an_epsilon_to_the_logarithm": Mutant(
        {"entropy": "return -(probabilities * (probabilities + 1e-9).log()).sum(-1)"}, rejected_by="check_entropy"
    ),
    "asks_each_stage_by_itself": Mutant(
        {
            "first": """
            for name, stage in reversed(stages):
                leaf = value.detach().requires_grad_()
                (gradient,) = torch.autograd.grad(stage(leaf).sum(), leaf)
                if not bool(gradient.isfinite().all()):
                    return name
            return None
            """
        },
        rejected_by="check_first_not_finite",
    ),
    "looks_for_nan_alone": Mutant(
        {
            "first": """
            kept = []
            for name, stage in stages:
                leaf = value.detach().requires_grad_()
                value = stage(leaf)
                kept.append((name, leaf, value))
            gradient = torch.ones_like(value)
            for name, leaf, out in reversed(kept):
                (gradient,) = torch.autograd.grad(out, leaf, gradient)
                if bool(gradient.isnan().any()):
                    return name
            return None
            """
        },
        rejected_by="check_first_not_finite",
    ),
}
EQUAL = {
    "distance: number  `1.0`*": "what is put in where two rows are equal is not chosen, and is a constant",
    "entropy: argument: detach  `probabilities`": "a comparison has no gradient",
    "first: argument: detach  `value`": "it is detached there anyway",
    "first: argument: absolute  `value` #2": "finite or not whatever the sign",
    "first: argument: negate  `value` #2": "finite or not whatever the sign",
    "first: argument: axis_0  `value` #2": "0 times infinity is NaN: what does not count is not finite either",
}
