"""Wrong answers to exercise 24 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "squeezes_the_values_alone": Mutant(
        {
            "actor": """
            if any(one.ndim not in (1, 2) or len(one) != len(log_p) for one in (log_p, returns, values)):
                raise ValueError("shapes")
            return -(log_p * (returns - values.squeeze(-1)).detach()).mean()
            """
        },
        rejected_by="check_actor",
    ),
    "the_values_learn_too": Mutant(
        {
            "actor": """
            for one in (log_p, returns, values):
                if one.shape not in ((len(log_p),), (len(log_p), 1)):
                    raise ValueError("shapes")
            return -(log_p.reshape(-1) * (returns.reshape(-1) - values.reshape(-1))).mean()
            """
        },
        rejected_by="check_actor",
    ),
    "counts_entries_alone": Mutant(
        {
            "actor": """
            if not log_p.numel() == returns.numel() == values.numel():
                raise ValueError("shapes")
            return -(log_p.reshape(-1) * (returns.reshape(-1) - values.reshape(-1)).detach()).mean()
            """
        },
        rejected_by="check_actor_refuses",
    ),
    "asserts": Mutant(
        {
            "actor": """
            assert log_p.numel() == returns.numel() == values.numel()
            return -(log_p.view(-1) * (returns.view(-1) - values.view(-1)).detach()).mean()
            """
        },
        rejected_by="check_actor_refuses",
        crash=True,
    ),
    "divides_by_the_places": Mutant(
        {
            "masked": """
            if mask.shape != values.shape[: mask.ndim]:
                raise ValueError("shapes")
            spread = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim)).expand_as(values)
            return values.masked_fill(~spread, 0.0).sum() / max(1, int(mask.sum()))
            """
        },
        rejected_by="check_masked",
    ),
    "lines_up_from_the_right": Mutant(
        {
            "masked": """
            if mask.shape != values.shape[: mask.ndim]:
                raise ValueError("shapes")
            try:
                spread = mask.expand_as(values)
            except RuntimeError:
                spread = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim)).expand_as(values)
            return values.masked_fill(~spread, 0.0).sum() / max(1, int(spread.sum()))
            """
        },
        rejected_by="check_masked",
    ),
    "multiplies": Mutant(
        {
            "masked": """
            if mask.shape != values.shape[: mask.ndim]:
                raise ValueError("shapes")
            spread = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim)).expand_as(values)
            return (values * spread).sum() / max(1, int(spread.sum()))
            """
        },
        rejected_by="check_masked_spoils_nothing",
    ),
    "mean_of_nothing": Mutant(
        {
            "masked": """
            if mask.shape != values.shape[: mask.ndim]:
                raise ValueError("shapes")
            return values[mask].mean()
            """
        },
        rejected_by="check_masked_spoils_nothing",
    ),
    "takes_what_can_be_spread": Mutant(
        {
            "masked": """
            spread = mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))
            spread = torch.broadcast_to(spread, torch.broadcast_shapes(spread.shape, values.shape))
            return values.expand_as(spread).masked_fill(~spread, 0.0).sum() / max(1, int(spread.sum()))
            """
        },
        rejected_by="check_masked_refuses",
    ),
    "padding_on_the_axis_of_queries": Mutant(
        {
            "attend": """
            spread = padding[:, :, None] if padding.shape[1] == scores.shape[1] else padding[:, None]
            return scores.masked_fill(spread, -1e300).softmax(-1).masked_fill(spread, 0.0) @ values
            """
        },
        rejected_by="check_attend",
    ),
    "multiplies_the_weights": Mutant(
        {"attend": "return (scores.softmax(-1) * ~padding[:, None]) @ values"}, rejected_by="check_attend"
    ),
    "a_number_that_is_not_low_enough": Mutant(
        {
            "attend": """
            spread = padding[:, None]
            return scores.masked_fill(spread, -1e9).softmax(-1).masked_fill(spread, 0.0) @ values
            """
        },
        rejected_by="check_attend",
    ),
    "nan_where_all_is_padding": Mutant(
        {"attend": 'return scores.masked_fill(padding[:, None], float("-inf")).softmax(-1) @ values'},
        rejected_by="check_all_padding",
    ),
    "even_where_all_is_padding": Mutant(
        {
            "attend": """
            lowest = torch.finfo(scores.dtype).min
            return scores.masked_fill(padding[:, None], lowest).softmax(-1) @ values
            """
        },
        rejected_by="check_all_padding",
    ),
    "divides_the_sum": Mutant(
        {
            "samples": """
            leaf = weight.detach().requires_grad_()
            (summed,) = torch.autograd.grad(loss_of(leaf.expand(count, *leaf.shape)), leaf)
            return summed.expand(count, *summed.shape) / count
            """
        },
        rejected_by="check_samples",
    ),
    "gives_the_sum": Mutant(
        {
            "samples": """
            leaf = weight.detach().requires_grad_()
            return torch.autograd.grad(loss_of(leaf.expand(count, *leaf.shape)), leaf)[0]
            """
        },
        rejected_by="check_samples",
    ),
}
EQUAL = {
    "actor: argument: detach  `log_p`": "its shape alone is asked there",
    "actor: argument: absolute  `log_p`": "its shape alone is asked there",
    "actor: argument: negate  `log_p`": "its shape alone is asked there",
    "actor: argument: axis_0  `log_p`": "its shape alone is asked there",
    "actor: argument: detach  `returns`": "its shape alone is asked there",
    "actor: argument: absolute  `returns`": "its shape alone is asked there",
    "actor: argument: negate  `returns`": "its shape alone is asked there",
    "actor: argument: axis_0  `returns`": "its shape alone is asked there",
    "actor: argument: detach  `values`": "its shape alone is asked there",
    "actor: argument: absolute  `values`": "its shape alone is asked there",
    "actor: argument: negate  `values`": "its shape alone is asked there",
    "actor: argument: axis_0  `values`": "its shape alone is asked there",
    "actor: argument: detach  `returns` #2": "the difference is detached anyway",
    "actor: argument: detach  `values` #2": "the difference is detached anyway",
    "masked: argument: detach  `values`": "its shape alone is asked there",
    "masked: argument: absolute  `values`": "its shape alone is asked there",
    "masked: argument: negate  `values`": "its shape alone is asked there",
    "masked: argument: axis_0  `values`": "its shape alone is asked there",
    "samples: .detach() left out  `weight.detach()`": "the gradient is asked for at the copies, and goes no further",
    "samples: argument: detach  `weight`": "it is detached there anyway",
    "samples: number  `0` #2": "of one gradient the first is the last",
}
