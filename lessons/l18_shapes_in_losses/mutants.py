"""Wrong answers to exercise 18 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "calls_every_spreading_suspicious": Mutant(
        {"pairs": "return torch.broadcast_shapes(one, other) != torch.Size(one)"}, rejected_by="check_pairs"
    ),
    "knows_one_pattern": Mutant(
        {"pairs": "return len(one) == len(other) + 1 and one[-1] == 1 and len(one) == 2 and one[0] > 1"},
        rejected_by="check_pairs",
    ),
    "looks_at_one_side": Mutant(
        {"pairs": "return torch.broadcast_shapes(one, other).numel() > torch.Size(one).numel()"},
        rejected_by="check_pairs",
    ),
    "squeezes_the_prediction_alone": Mutant(
        {
            "square": """
            if prediction.numel() != target.numel() or prediction.ndim > 2:
                raise ValueError("shapes")
            return (prediction.squeeze(-1) - target).square().mean()
            """
        },
        rejected_by="check_square",
    ),
    "squeezes_every_axis": Mutant(
        {
            "square": """
            if prediction.shape[0] != target.shape[0]:
                raise ValueError("shapes")
            return (prediction.squeeze() - target.squeeze()).square().mean()
            """
        },
        rejected_by="check_refused",
    ),
    "counts_entries_alone": Mutant(
        {
            "square": """
            if prediction.numel() != target.numel():
                raise ValueError("shapes")
            return (prediction.reshape(-1) - target.reshape(-1)).square().mean()
            """
        },
        rejected_by="check_refused",
    ),
    "adds_up": Mutant(
        {
            "square": """
            if prediction.numel() != target.numel():
                raise ValueError("shapes")
            return (prediction.reshape(-1) - target.reshape(-1)).square().sum()
            """
        },
        rejected_by="check_square",
    ),
    "divides_by_all_places": Mutant(
        {
            "masked": """
            total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignore, reduction="sum")
            return total / labels.numel()
            """
        },
        rejected_by="check_masked",
    ),
    "returns_a_new_zero": Mutant(
        {
            "masked": """
            if not bool((labels != ignore).any()):
                return torch.zeros(())
            return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=ignore)
            """
        },
        rejected_by="check_nothing_counts",
    ),
    "mixes_the_axes": Mutant(
        {
            "masked": """
            total = F.cross_entropy(logits.reshape(6, -1), labels.T.flatten(), ignore_index=ignore, reduction="sum")
            return total / max(1, int((labels != ignore).sum()))
            """
        },
        rejected_by="check_masked",
    ),
    "normalises_twice": Mutant({"nats": "return F.cross_entropy(probabilities, labels)"}, rejected_by="check_nats"),
    "forgets_the_logarithm": Mutant({"nats": "return F.nll_loss(probabilities, labels)"}, rejected_by="check_nats"),
}
EQUAL = {
    "square: argument: detach  `prediction`": "its shape alone is asked there",
    "square: argument: absolute  `prediction`": "its shape alone is asked there",
    "square: argument: negate  `prediction`": "its shape alone is asked there",
    "square: argument: axis_0  `prediction`": "its shape alone is asked there",
    "square: argument: absolute  `target`": "its shape alone is asked there",
    "square: argument: negate  `target`": "its shape alone is asked there",
    "square: argument: axis_0  `target`": "its shape alone is asked there",
}
