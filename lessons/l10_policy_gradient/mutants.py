"""Wrong answers to exercise 10 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "has_the_sample_in_its_own_baseline": Mutant(
        {"baseline": "return costs.mean(0).expand_as(costs)"}, rejected_by="check_baseline"
    ),
    "takes_the_best_as_baseline": Mutant(
        {"baseline": "return costs.min(0).values.expand_as(costs)"}, rejected_by="check_baseline"
    ),
    "divides_by_all": Mutant({"baseline": "return (costs.sum(0) - costs) / len(costs)"}, rejected_by="check_baseline"),
    "mixes_the_lines": Mutant(
        {"baseline": "return (costs.sum() - costs) / (costs.numel() - 1)"}, rejected_by="check_baseline"
    ),
    "leaves_the_gradient_on_the_costs": Mutant(
        {"surrogate": "return ((costs - leave_one_out(costs)) * log_prob).mean(0).sum()"},
        rejected_by="check_costs_are_numbers",
    ),
    "weighs_p_in_place_of_log_p": Mutant(
        {"surrogate": "return ((costs - leave_one_out(costs)).detach() * log_prob.exp()).mean(0).sum()"},
        rejected_by="check_unbiased",
    ),
    "rewards_what_is_bad": Mutant(
        {"surrogate": "return -((costs - leave_one_out(costs)).detach() * log_prob).mean(0).sum()"},
        rejected_by="check_unbiased",
    ),
    "adds_the_samples_up": Mutant(
        {"surrogate": "return ((costs - leave_one_out(costs)).detach() * log_prob).sum()"},
        rejected_by="check_unbiased",
    ),
    "cuts_the_log_probability": Mutant(
        {"surrogate": "return ((costs - leave_one_out(costs)) * log_prob).detach().mean(0).sum()"},
        rejected_by="check_unbiased",
    ),
    "uses_no_baseline": Mutant(
        {"surrogate": "return (costs.detach() * log_prob).mean(0).sum()"}, rejected_by="check_quiet"
    ),
    "counts_one_path_only": Mutant(
        {"marginal": "return logits.log_softmax(-1).gather(2, paths[:, :, None])[:, :, 0].sum(0)"},
        rejected_by="check_marginal",
    ),
    "averages_over_the_strings": Mutant(
        {
            "marginal": """
            ids, lengths = collapse_paths(paths)
            frames = torch.full_like(lengths, len(paths))
            return -F.ctc_loss(logits.log_softmax(-1), ids, frames, lengths)
            """
        },
        rejected_by="check_marginal",
    ),
    "forgets_to_normalise": Mutant(
        {
            "marginal": """
            ids, lengths = collapse_paths(paths)
            frames = torch.full_like(lengths, len(paths))
            return -F.ctc_loss(logits, F.pad(ids, (0, 1)), frames, lengths, reduction="none")
            """
        },
        rejected_by="check_marginal",
    ),
    "detaches_the_marginal": Mutant(
        {
            "marginal": """
            ids, lengths = collapse_paths(paths)
            frames = torch.full_like(lengths, len(paths))
            log_probs = logits.detach().log_softmax(-1)
            return -F.ctc_loss(log_probs, F.pad(ids, (0, 1)), frames, lengths, reduction="none")
            """
        },
        rejected_by="check_gradient_of_the_marginal",
    ),
    "always_draws_the_likeliest_path": Mutant(
        {"draw": "paths = logits.argmax(-1, keepdim=True).expand(-1, samples)"}, rejected_by="check_black_box"
    ),
    "draws_from_flatter_probabilities": Mutant(
        {
            "draw": "paths = torch.multinomial((logits.detach() / 3).softmax(-1), samples, replacement=True, "
            "generator=generator)"
        },
        rejected_by="check_black_box",
    ),
    "always_draws_four": Mutant(
        {
            "draw": "paths = torch.multinomial(logits.detach().softmax(-1), 4, replacement=True, generator=generator)\n"
            "samples = 4"
        },
        rejected_by="check_black_box",
    ),
    "takes_costs_for_positive": Mutant(
        {
            "surrogate": """
            advantage = (costs - leave_one_out(costs.abs())).detach()
            return (advantage * log_prob).mean(0).sum()
            """
        },
        rejected_by="check_the_same_number_off_all_costs",
    ),
}
EQUAL = {
    "baseline: result: detach*": "costs that carry no gradient have a baseline that carries none",
    "baseline: argument: detach  `costs`*": "the surrogate detaches all of it: the costs carry no gradient",
    "surrogate: argument: detach  `costs`*": "the difference is detached anyway",
    "marginal: number  `1`": "torch of today takes empty targets without a column; others want one",
    "marginal: number  `1` #3": "ctc_loss does not read beyond the length of a target",
    "draw: .detach() left out  `logits.detach()`": "multinomial lets no gradient through",
    "draw: argument: detach  `logits`": "multinomial lets no gradient through",
}
