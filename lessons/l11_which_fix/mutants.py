"""Wrong answers to exercise 11 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "takes_one_standard_error": Mutant(
        {
            "better": """
            difference = errors_a - errors_b
            mean, doubt = difference.mean(), 3 * difference.std() / math.sqrt(len(difference))
            if abs(mean) <= doubt:
                return "undecided"
            return "a" if mean < 0 else "b"
            """
        },
        rejected_by="check_two_standard_errors",
    ),
    "adds_up_the_last_axis": Mutant(
        {"variance": "return draws.var(0).sum(-1).squeeze()"}, rejected_by="check_gradients_of_any_shape", crash=True
    ),
    "scatter_of_the_lengths": Mutant(
        {"variance": "return draws.flatten(1).norm(dim=1).var()"}, rejected_by="check_variance"
    ),
    "divides_by_all_draws": Mutant(
        {"variance": "return draws.var(0, unbiased=False).sum()"}, rejected_by="check_variance"
    ),
    "mean_over_entries": Mutant({"variance": "return draws.var(0).mean()"}, rejected_by="check_variance"),
    "distance_of_each_draw": Mutant(
        {"bias": "return (draws - truth).flatten(1).square().sum(1).mean()"}, rejected_by="check_squared_bias"
    ),
    "noise_of_the_mean_left_in": Mutant(
        {"bias": "return (draws.mean(0) - truth).square().sum()"}, rejected_by="check_squared_bias"
    ),
    "takes_too_much_noise_out": Mutant(
        {"bias": "return (draws.mean(0) - truth).square().sum() - variance(draws)"}, rejected_by="check_squared_bias"
    ),
    "never_below_zero": Mutant(
        {"bias": "return ((draws.mean(0) - truth).square().sum() - variance(draws) / len(draws)).clamp(min=0)"},
        rejected_by="check_squared_bias",
    ),
    "averages_the_bias_away": Mutant(
        {
            "error": """
            calls = int(budget // milliseconds)
            return math.sqrt((bias2 + variance) / calls) if calls else math.inf
            """
        },
        rejected_by="check_error_of_calls",
    ),
    "forgets_the_cost": Mutant(
        {"error": "return math.sqrt(bias2 + variance) if budget >= milliseconds else math.inf"},
        rejected_by="check_error_of_calls",
    ),
    "counts_parts_of_calls": Mutant(
        {
            "error": """
            calls = budget / milliseconds
            return math.sqrt(bias2 + variance / calls) if calls >= 1 else math.inf
            """
        },
        rejected_by="check_error_of_calls",
    ),
    "always_allows_one_call": Mutant(
        {
            "error": """
            calls = max(1, int(budget // milliseconds))
            return math.sqrt(max(0.0, bias2) + variance / calls)
            """
        },
        rejected_by="check_no_call_fits",
    ),
    "compares_the_averages": Mutant(
        {"better": 'return "a" if errors_a.mean() < errors_b.mean() else "b"'},
        rejected_by="check_chance_decides_nothing",
    ),
    "forgets_that_lines_are_paired": Mutant(
        {
            "better": """
            mean = errors_a.mean() - errors_b.mean()
            doubt = 2 * math.sqrt((errors_a.var() + errors_b.var()) / len(errors_a))
            if abs(mean) <= doubt:
                return "undecided"
            return "a" if mean < 0 else "b"
            """
        },
        rejected_by="check_a_small_difference_on_every_line",
    ),
    "turns_the_sign_round": Mutant(
        {
            "better": """
            difference = errors_a - errors_b
            mean, doubt = difference.mean(), 2 * difference.std() / math.sqrt(len(difference))
            if abs(mean) <= doubt:
                return "undecided"
            return "b" if mean < 0 else "a"
            """
        },
        rejected_by="check_a_small_difference_on_every_line",
    ),
    "takes_the_scatter_for_its_mean": Mutant(
        {
            "better": """
            difference = errors_a - errors_b
            mean, doubt = difference.mean(), 2 * difference.std() / len(difference)
            if abs(mean) <= doubt:
                return "undecided"
            return "a" if mean < 0 else "b"
            """
        },
        rejected_by="check_chance_decides_nothing",
    ),
    "calls_a_tie_a_win": Mutant(
        {
            "better": """
            difference = errors_a - errors_b
            mean, doubt = difference.mean(), 2 * difference.std() / math.sqrt(len(difference))
            if abs(mean) < doubt:
                return "undecided"
            return "a" if mean < 0 else "b"
            """
        },
        rejected_by="check_equal_on_every_line",
    ),
}
EQUAL = {
    "variance: argument: negate  `draws`": "what is turned round scatters as before",
    "bias: argument: negate  `draws` #2": "what is turned round scatters as before",
    "error: operator  `budget // milliseconds`": "of a number of calls `int` takes the whole part anyway",
    "better: comparison  `mean < 0`": "a mean of 0 was undecided before",
}
