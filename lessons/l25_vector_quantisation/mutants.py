"""Wrong answers to exercise 25 that people really give."""

from gradcheck_lm.course.mutants import Mutant

STAGES = """
residual, total, loss = z, 0.0, 0.0
for codebook in codebooks:
    rows = codebook[nearest(residual, codebook)]
    loss = loss + quantisation_loss(residual, rows, beta)
    residual, total = {rest}
return {passed}, loss
"""
MUTANTS = {
    "by_the_product": Mutant({"nearest": "return (z @ codebook.T).argmax(-1)"}, rejected_by="check_nearest"),
    "forgets_the_square_of_the_rows": Mutant(
        {"nearest": "return (z.square().sum(-1, keepdim=True) - 2 * z @ codebook.T).argmin(-1)"},
        rejected_by="check_nearest",
    ),
    "farthest": Mutant(
        {"nearest": "return (z.unsqueeze(-2) - codebook).norm(dim=-1).argmax(-1)"}, rejected_by="check_nearest"
    ),
    "one_axis_alone": Mutant(
        {"nearest": "return (z[:, None] - codebook[None]).square().sum(-1).argmin(-1)"},
        rejected_by="check_nearest",
        crash=True,
    ),
    "off_in_the_last_bits": Mutant({"pass_through": "return z + (rows - z).detach()"}, rejected_by="check_same_bits"),
    "rows_as_they_are": Mutant({"pass_through": "return rows"}, rejected_by="check_passed_to_z"),
    "constant_rows": Mutant({"pass_through": "return rows.detach()"}, rejected_by="check_passed_to_z"),
    "teaches_the_rows_too": Mutant({"pass_through": "return rows + (z - z.detach())"}, rejected_by="check_passed_to_z"),
    "weight_on_the_wrong_term": Mutant(
        {"terms": "return F.mse_loss(z, rows.detach()) + beta * F.mse_loss(rows, z.detach())"},
        rejected_by="check_terms",
    ),
    "no_detach": Mutant({"terms": "return (1 + beta) * F.mse_loss(z, rows)"}, rejected_by="check_terms"),
    "one_term_of_the_right_value": Mutant(
        {"terms": "return (1 + beta) * F.mse_loss(rows, z.detach())"}, rejected_by="check_terms"
    ),
    "sums_the_squares": Mutant(
        {"terms": "return (rows - z.detach()).square().sum() + beta * (z - rows.detach()).square().sum()"},
        rejected_by="check_terms",
    ),
    "subtracts_what_was_passed": Mutant(
        {
            "residual": STAGES.format(
                rest="residual - pass_through(residual, rows), total + rows", passed="pass_through(z, total)"
            )
        },
        rejected_by="check_stages_teach",
    ),
    "moves_the_rows_of_earlier_stages": Mutant(
        {"residual": STAGES.format(rest="residual - rows, total + rows", passed="pass_through(z, total)")},
        rejected_by="check_stages_teach",
    ),
    "cuts_z_after_the_first_stage": Mutant(
        {"residual": STAGES.format(rest="(residual - rows).detach(), total + rows", passed="pass_through(z, total)")},
        rejected_by="check_stages_teach",
    ),
    "every_stage_quantises_z": Mutant(
        {"residual": STAGES.format(rest="z - rows.detach(), total + rows", passed="pass_through(z, total)")},
        rejected_by="check_stages",
    ),
    "gives_the_last_rows": Mutant(
        {"residual": STAGES.format(rest="residual - rows.detach(), rows", passed="pass_through(z, total)")},
        rejected_by="check_stages",
    ),
    "gives_the_rows_themselves": Mutant(
        {"residual": STAGES.format(rest="residual - rows.detach(), total + rows", passed="total")},
        rejected_by="check_stages",
    ),
}
EQUAL = {
    "nearest: sum -> mean  `(z.unsqueeze(-2) - codebook).square().sum(-1)`": "the smallest sum is the smallest mean",
    "nearest: argument: detach  `z`": "a number of a row has no gradient",
    "nearest: argument: detach  `codebook`": "a number of a row has no gradient",
    "pass_through: argument: detach  `rows`": "it is detached there anyway",
    "pass_through: argument: detach  `z` #2": "it is detached there anyway",
    "terms: argument: detach  `z`": "it is detached there anyway",
    "terms: argument: detach  `rows` #2": "it is detached there anyway",
}
