"""Wrong answers to exercise 26 that people really give."""

from gradcheck_lm.course.mutants import Mutant

STEP = """
total = sum(len(batch) for batch in batches)
for replica, batch in zip(replicas, batches, strict=True):
    {clear}
    {loss}.backward()
    {each}
average_gradients(replicas)
stepped = []
for replica in replicas:
    norm = {norm}
    stepped.append(bool({decides}))
    with torch.no_grad():
        for one in replica.parameters():
            if one.grad is not None and stepped[-1]:
                one -= rate * one.grad
    replica.zero_grad({left})
return all(stepped)
"""
RIGHT = {
    "clear": "replica.zero_grad()",
    "loss": "share_of_loss(loss_of(replica, batch), total, len(replicas))",
    "each": "pass",
    "norm": "nn.utils.clip_grad_norm_(replica.parameters(), limit)",
    "decides": "norm.isfinite()",
    "left": "",
}


def step(**changed):
    return {"step": STEP.format(**{**RIGHT, **changed})}


MUTANTS = {
    "mean_of_those_that_took_part": Mutant(
        {
            "average": """
            for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
                gradients = [one.grad for one in parameters if one.grad is not None]
                for one in parameters:
                    one.grad = sum(gradients) / len(gradients) if gradients else None
            """
        },
        rejected_by="check_average_of_some",
    ),
    "skips_who_has_none": Mutant(
        {
            "average": """
            for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
                gradients = [one.grad for one in parameters if one.grad is not None]
                for one in parameters:
                    if one.grad is not None:
                        one.grad = sum(gradients) / len(replicas)
            """
        },
        rejected_by="check_average_of_some",
    ),
    "zeros_for_what_nobody_used": Mutant(
        {
            "average": """
            for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
                gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
                for one in parameters:
                    one.grad = sum(gradients) / len(replicas)
            """
        },
        rejected_by="check_average",
    ),
    "adds_up": Mutant(
        {
            "average": """
            for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
                gradients = [one.grad for one in parameters if one.grad is not None]
                for one in parameters:
                    one.grad = sum(gradients) + 0.0 if gradients else None
            """
        },
        rejected_by="check_average",
    ),
    "shares_one_tensor": Mutant(
        {
            "average": """
            for parameters in zip(*(replica.parameters() for replica in replicas), strict=True):
                gradients = [one.grad for one in parameters if one.grad is not None]
                mean = sum(gradients) / len(replicas) if gradients else None
                for one in parameters:
                    one.grad = mean
            """
        },
        rejected_by="check_own_tensors",
    ),
    "mean_of_its_own": Mutant({"share": "return losses.mean()"}, rejected_by="check_share"),
    "forgets_the_ranks": Mutant({"share": "return losses.sum() / total"}, rejected_by="check_share"),
    "mean_times_share": Mutant(
        {"share": "return losses.mean() * len(losses) * ranks / total"}, rejected_by="check_share"
    ),
    "neighbours_of_the_first_alone": Mutant(
        {
            "apart": """
            first, second = replicas[0].state_dict(), replicas[1].state_dict()
            return [name for name in first if not torch.equal(first[name], second[name])]
            """
        },
        rejected_by="check_apart",
    ),
    "parameters_alone": Mutant(
        {
            "apart": """
            first, *others = (dict(replica.named_parameters()) for replica in replicas)
            return [name for name, one in first.items() if any(not torch.equal(one, each[name]) for each in others)]
            """
        },
        rejected_by="check_apart",
    ),
    "near_is_equal": Mutant(
        {
            "apart": """
            first, *others = (replica.state_dict() for replica in replicas)
            return [name for name, one in first.items() if any(not torch.allclose(one, each[name]) for each in others)]
            """
        },
        rejected_by="check_apart",
    ),
    "clips_each_before_the_average": Mutant(
        step(each="nn.utils.clip_grad_norm_(replica.parameters(), limit)"), rejected_by="check_step"
    ),
    "means_of_each": Mutant(step(loss="loss_of(replica, batch).mean()"), rejected_by="check_step"),
    "keeps_what_was_there": Mutant(step(clear="pass"), rejected_by="check_step"),
    "leaves_zeros": Mutant(step(left="set_to_none=False"), rejected_by="check_step"),
    "never_clips": Mutant(
        step(norm="nn.utils.get_total_norm([one.grad for one in replica.parameters() if one.grad is not None])"),
        rejected_by="check_step",
    ),
    "each_decides_for_itself": Mutant(
        step(
            decides="loss_of(replica, batches[replicas.index(replica)]).isfinite().all()",
        ),
        rejected_by="check_together",
    ),
    "steps_in_any_case": Mutant(step(decides="True"), rejected_by="check_together"),
}
EQUAL = {
    "step: argument: absolute  `batches`": "the number of samples alone is asked there",
    "step: argument: negate  `batches`": "the number of samples alone is asked there",
}
