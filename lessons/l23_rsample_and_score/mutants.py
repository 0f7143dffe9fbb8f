"""Wrong answers to exercise 23 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "draws_anew": Mutant(
        {"pathwise": "return cost(Normal(mean, scale).rsample((len(noise),))).mean()"}, rejected_by="check_pathwise"
    ),
    "variance_for_scale": Mutant(
        {"pathwise": "return cost(mean + scale.sqrt() * noise).mean()"}, rejected_by="check_pathwise"
    ),
    "sums_the_costs": Mutant({"pathwise": "return cost(mean + scale * noise).sum()"}, rejected_by="check_pathwise"),
    "scores_an_rsample": Mutant(
        {
            "score": """
            z = mean + scale * noise
            costs = cost(z)
            log_p = Normal(mean, scale).log_prob(z).sum(-1)
            others = (costs.sum() - costs) / (len(costs) - 1)
            weighted = (costs - others).detach() * log_p
            return costs.mean() + (weighted - weighted.detach()).mean()
            """
        },
        rejected_by="check_score",
    ),
    "its_own_cost_in_the_baseline": Mutant(
        {
            "score": """
            z = (mean + scale * noise).detach()
            costs = cost(z)
            log_p = Normal(mean, scale).log_prob(z).sum(-1)
            weighted = (costs - costs.mean()).detach() * log_p
            return costs.mean() + (weighted - weighted.detach()).mean()
            """
        },
        rejected_by="check_score",
    ),
    "forgets_the_costs_own_gradient": Mutant(
        {
            "score": """
            z = (mean + scale * noise).detach()
            costs = cost(z).detach()
            log_p = Normal(mean, scale).log_prob(z).sum(-1)
            others = (costs.sum() - costs) / (len(costs) - 1)
            weighted = (costs - others) * log_p
            return costs.mean() + (weighted - weighted.detach()).mean()
            """
        },
        rejected_by="check_own_parameters",
    ),
    "differentiates_the_multiplier": Mutant(
        {
            "score": """
            z = (mean + scale * noise).detach()
            costs = cost(z)
            log_p = Normal(mean, scale).log_prob(z).sum(-1)
            others = (costs.sum() - costs) / (len(costs) - 1)
            weighted = (costs - others) * log_p
            return costs.mean() + (weighted - weighted.detach()).mean()
            """
        },
        rejected_by="check_own_parameters",
    ),
    "value_of_the_surrogate": Mutant(
        {
            "score": """
            z = (mean + scale * noise).detach()
            costs = cost(z)
            log_p = Normal(mean, scale).log_prob(z).sum(-1)
            others = (costs.sum() - costs) / (len(costs) - 1)
            return ((costs - others).detach() * log_p).mean() + costs.mean() - costs.mean().detach()
            """
        },
        rejected_by="check_score",
    ),
    "cuts_z_before_the_classes": Mutant(
        {
            "mixed": """
            z = mean + scale * noise
            log_p = logits_of(z.detach()).log_softmax(-1).gather(-1, classes[:, None])[:, 0]
            costs = cost(z, classes)
            return (costs + costs.detach() * (log_p - log_p.detach())).mean()
            """
        },
        rejected_by="check_mixed",
    ),
    "score_alone": Mutant(
        {
            "mixed": """
            z = mean + scale * noise
            log_p = logits_of(z).log_softmax(-1).gather(-1, classes[:, None])[:, 0]
            costs = cost(z, classes).detach()
            return (costs + costs * (log_p - log_p.detach())).mean()
            """
        },
        rejected_by="check_mixed",
    ),
    "probabilities_for_their_logarithms": Mutant(
        {
            "mixed": """
            z = mean + scale * noise
            p = logits_of(z).softmax(-1).gather(-1, classes[:, None])[:, 0]
            costs = cost(z, classes)
            return (costs + costs.detach() * (p - p.detach())).mean()
            """
        },
        rejected_by="check_mixed",
    ),
}
EQUAL = {
    "score: argument: detach  `mean`": "the sample is detached there anyway",
    "score: argument: detach  `scale`": "the sample is detached there anyway",
    "mixed: number  `0` #2": "of one column the first is the last",
    "mixed: .detach() left out  `costs.detach()`": "what it is multiplied by has the value 0: it adds no gradient",
}
