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
            return "healthy" if bool(found.ne(0).any()) else "zero"
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
        rejected_by="check_healthy_ones",
    ),
    "forgets_the_cut": Mutant(
        {
            "illness": """
            if loss.grad_fn is None:
                return "false leaf"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            return "healthy" if bool(found.ne(0).any()) else "zero"
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
            return "healthy" if found is not None and bool(found.ne(0).any()) else "zero"
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
            return "false leaf" if found is None else "healthy"
            """
        },
        rejected_by="check_zeros",
    ),
    "takes_tiny_for_zero": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True, retain_graph=True)
            if found is None:
                return "false leaf"
            return "healthy" if float(found.norm()) > 1e-8 else "zero"
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
            if parameter.grad is None:
                return "false leaf"
            return "healthy" if bool(parameter.grad.ne(0).any()) else "zero"
            """
        },
        rejected_by="check_looking_changes_nothing",
    ),
    "frees_the_graph": Mutant(
        {
            "illness": """
            if not loss.requires_grad:
                return "cut"
            (found,) = torch.autograd.grad(loss, [parameter], allow_unused=True)
            if found is None:
                return "false leaf"
            return "healthy" if bool(found.ne(0).any()) else "zero"
            """
        },
        rejected_by="check_zeros",
        crash=True,
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
}
