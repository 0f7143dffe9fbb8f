"""Wrong answers to exercise 4 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "calls_everything_without_gradient_a_cut": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "cut"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_false_leaves",
    ),
    "says_broken_to_everything": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            return "false leaf" if found is None else "zero"
            """
        },
        rejected_by="check_not_finite",
    ),
    "forgets_the_cut": Mutant(
        {
            "illness": """
            if loss.grad_fn is None:
                return "false leaf"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_cuts",
    ),
    "takes_none_for_zero": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None or not bool(found.ne(0).any()):
                return "zero"
            if not bool(found.isfinite().all()):
                return "not finite"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_false_leaves",
    ),
    "thinks_a_path_is_health": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_zeros",
    ),
    "takes_nan_for_health": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.ne(0).any()):
                return "zero"
            return "healthy"
            """
        },
        rejected_by="check_not_finite",
    ),
    "believes_what_arrives": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            return "healthy"
            """
        },
        rejected_by="check_wrong_values",
    ),
    "compares_lengths": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(abs(along) - abs(right)) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_wrong_values",
    ),
    "looks_along_the_gradient_alone": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            direction = found / found.norm()
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_wrong_values",
    ),
    "takes_tiny_for_zero": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if float(found.norm()) <= 1e-8:
                return "zero"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_healthy_ones",
    ),
    "looks_by_backward": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            parameter.grad = None
            loss.backward(retain_graph=True)
            found = parameter.grad
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_false_leaves",
    ),
    "frees_the_graph": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True)
            if found is None:
                return "false leaf"
            if not bool(found.isfinite().all()):
                return "not finite"
            if not bool(found.ne(0).any()):
                return "zero"
            right, along = slope_along(loss_of, parameter, direction), float((found * direction).sum())
            return "healthy" if abs(along - right) <= 1e-3 * abs(right) else "wrong"
            """
        },
        rejected_by="check_looking_changes_nothing",
    ),
    "silences_the_cut": Mutant(
        {"perplexity": "return torch.tensor(nats.mean().item(), dtype=nats.dtype).exp().requires_grad_(True)"},
        rejected_by="check_perplexity",
    ),
    "takes_the_mean_outside": Mutant({"perplexity": "return nats.exp().mean()"}, rejected_by="check_perplexity"),
    "copies_the_losses": Mutant(
        {"mean_of_losses": "return torch.stack([loss.detach().requires_grad_() for loss in losses]).mean()"},
        rejected_by="check_mean_of_losses",
    ),
    "adds_without_dividing": Mutant({"mean_of_losses": "return sum(losses)"}, rejected_by="check_mean_of_losses"),
    "detaches_the_wrong_addend": Mutant({"rounded": "return x.round() + x.detach() - x"}, rejected_by="check_rounded"),
    "detaches_everything": Mutant({"rounded": "return (x.round() + x - x).detach()"}, rejected_by="check_rounded"),
    "does_not_round_any_more": Mutant({"rounded": "return x"}, rejected_by="check_rounded"),
    "hides_the_nan_behind_where": Mutant(
        {"root": "return torch.where(x > 0, (x + 1e-12).abs().sqrt() * (x > 0), x.sqrt().nan_to_num())"},
        rejected_by="check_root_or_zero",
    ),
    "shifts_the_root": Mutant({"root": "return (x.clamp_min(0) + 1e-4).sqrt()"}, rejected_by="check_root_or_zero"),
    "detaches_the_mean": Mutant(
        {"spread": "return (x - x.mean().detach()).square().mean() * (len(x) / (len(x) - 1))"},
        rejected_by="check_spread",
    ),
    "keeps_half": Mutant(
        {"spread": "return (x * x).mean() - x.mean() * x.mean().detach()"}, rejected_by="check_spread"
    ),
    "detaches_x_too": Mutant(
        {"frozen": "return (weight @ x.detach()).square().mean()"}, rejected_by="check_frozen_layer"
    ),
    "lets_the_layer_change": Mutant({"frozen": "return (weight @ x).abs().mean()"}, rejected_by="check_frozen_layer"),
}
EQUAL = {
    "illness: argument: detach  `parameter` #2": "a detached tensor shares the numbers that are moved",
    "illness: comparison  `abs(along - right) <= 1e-3 * abs(right)`": "no difference is exactly one part in 1,000",
    "rounded: argument: detach  `x` #2": "it is detached as a whole",
    "rounded: argument: detach  `x` #3": "it is detached as a whole",
    "root: argument: detach  `x`": "a comparison has no gradient",
    "root: argument: absolute  `x` #2": "where x is not positive it is not chosen",
    "root: number  `1.0`*": "where x is not positive, what stands there is multiplied by 0, and is a constant",
    "spread: argument: negate  `x` #3": "the square of it is the same",
    "frozen: .detach() left out  `weight.detach()`": "the layer asks for no gradient",
    "frozen: argument: negate  `x`": "the square of it is the same",
}
