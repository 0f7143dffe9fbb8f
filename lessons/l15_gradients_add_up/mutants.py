"""Wrong answers to exercise 15 that people really give."""

from gradcheck_lm.course.mutants import Mutant

BODY = """
            micro_batches = list(micro_batches)
            total, count = 0.0, sum(len(batch) for batch in micro_batches)
            {before}
            for batch in micro_batches:
                {inside}
                loss = loss_of(model, batch) * ({weight})
                loss.backward()
                total += loss.item()
            optimizer.step()
            return total
"""


def accumulate(*, before="optimizer.zero_grad()", inside="pass", weight="len(batch) / count"):
    """The solution with one thing changed."""
    return Mutant(
        {"accumulate": BODY.format(before=before, inside=inside, weight=weight)},
        rejected_by="check_unequal_micro_batches",
    )


MUTANTS = {
    "never_clears": accumulate(before="pass"),
    "clears_each_time": accumulate(before="pass", inside="optimizer.zero_grad()"),
    "adds_up_means": accumulate(weight="1.0"),
    "takes_the_mean_of_means": accumulate(weight="1 / len(micro_batches)"),
    "divides_the_loss_returned_alone": Mutant(
        {
            "accumulate": """
            total, count = 0.0, 0
            optimizer.zero_grad()
            for batch in micro_batches:
                loss = loss_of(model, batch) * len(batch)
                loss.backward()
                total += loss.item()
                count += len(batch)
            optimizer.step()
            return total / count
            """
        },
        rejected_by="check_unequal_micro_batches",
    ),
    "uses_an_iterator_up": Mutant(
        {
            "accumulate": BODY.format(
                before="optimizer.zero_grad()", inside="pass", weight="len(batch) / count"
            ).replace("micro_batches = list(micro_batches)", "pass")
        },
        rejected_by="check_unequal_micro_batches",
    ),
    "keeps_all_graphs": Mutant(
        {
            "accumulate": """
            micro_batches = list(micro_batches)
            count = sum(len(batch) for batch in micro_batches)
            optimizer.zero_grad()
            loss = sum(loss_of(model, batch) * (len(batch) / count) for batch in micro_batches)
            loss.backward()
            optimizer.step()
            return loss.item()
            """
        },
        rejected_by="check_one_graph_at_a_time",
    ),
    "retains_the_graph": Mutant(
        {
            "chunks": """
            for chunk in chunks:
                optimizer.zero_grad()
                for row in chunk:
                    state = cell(row, state)
                loss_of(state).backward(retain_graph=True)
                optimizer.step()
            return state.detach()
            """
        },
        rejected_by="check_carried_state",
        crash=True,
    ),
    "begins_each_chunk_at_zero": Mutant(
        {
            "chunks": """
            for chunk in chunks:
                state = torch.zeros_like(state)
                optimizer.zero_grad()
                for row in chunk:
                    state = cell(row, state)
                loss_of(state).backward()
                optimizer.step()
            return state.detach()
            """
        },
        rejected_by="check_carried_state",
    ),
    "lets_the_first_chunk_reach_back": Mutant(
        {
            "chunks": """
            for chunk in chunks:
                optimizer.zero_grad()
                for row in chunk:
                    state = cell(row, state)
                loss_of(state).backward()
                optimizer.step()
                state = state.detach()
            return state
            """
        },
        rejected_by="check_carried_state",
    ),
    "cuts_the_state_at_each_row": Mutant(
        {
            "chunks": """
            for chunk in chunks:
                optimizer.zero_grad()
                for row in chunk:
                    state = cell(row, state.detach())
                loss_of(state).backward()
                optimizer.step()
            return state.detach()
            """
        },
        rejected_by="check_carried_state",
    ),
    "thaws_what_was_frozen": Mutant(
        {
            "player": """
            other.requires_grad_(False)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            other.requires_grad_(True)
            """
        },
        rejected_by="check_the_other_player",
    ),
    "puts_copies_back": Mutant(
        {
            "player": """
            kept = [None if one.grad is None else one.grad.clone() for one in other.parameters()]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for one, gradient in zip(other.parameters(), kept):
                one.grad = gradient
            """
        },
        rejected_by="check_the_other_player",
    ),
    "clears_both_afterwards": Mutant(
        {
            "player": """
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            other.zero_grad()
            """
        },
        rejected_by="check_the_other_player",
    ),
    "steps_with_old_gradients": Mutant(
        {
            "player": """
            parameters = list(own.parameters())
            for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters, allow_unused=True)):
                if gradient is not None:
                    parameter.grad = gradient
            optimizer.step()
            """
        },
        rejected_by="check_a_part_that_is_not_used",
    ),
}
EQUAL = {
    "accumulate: argument: absolute  `micro_batches` #2": "their sizes alone are asked for",
    "accumulate: argument: negate  `micro_batches` #2": "their sizes alone are asked for",
    "accumulate: argument: axis_0  `micro_batches` #2": "their sizes alone are asked for",
    "accumulate: argument model in its place  `optimizer`": "model.zero_grad() clears the same gradients",
    "accumulate: side effect: grad": "what lies in .grad after the step is not asked for",
    "chunks: argument cell in its place  `optimizer`": "cell.zero_grad() clears the same gradients",
    "chunks: argument: detach  `state` #4": "it is detached anyway",
    "chunks: side effect: grad": "what lies in .grad after the step is not asked for",
    "chunks: argument: detach  `state`": "it is detached anyway",
}
