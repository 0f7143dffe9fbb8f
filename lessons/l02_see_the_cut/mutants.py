"""Wrong answers to exercise 2 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "takes_only_the_first_input": Mutant(
        {
            "walk": """
            if loss.grad_fn is None:
                return [loss] if loss.requires_grad else []
            function = loss.grad_fn
            while not hasattr(function, "variable"):
                function = function.next_functions[0][0]
            return [function.variable]
            """
        },
        rejected_by="check_leaves_of_a_small_graph",
    ),
    "forgets_that_an_input_may_be_none": Mutant(
        {
            "walk": """
            if loss.grad_fn is None:
                return [loss] if loss.requires_grad else []
            leaves, seen, waiting = [], {loss.grad_fn}, [loss.grad_fn]
            while waiting:
                function = waiting.pop()
                if hasattr(function, "variable"):
                    leaves.append(function.variable)
                for before, _ in function.next_functions:
                    if before not in seen:
                        seen.add(before)
                        waiting.append(before)
            return leaves
            """
        },
        rejected_by="check_inputs_without_a_path",
        crash=True,
    ),
    "forgets_the_loss_that_is_a_leaf": Mutant(
        {
            "walk": """
            leaves, seen, waiting = [], set(), [loss.grad_fn]
            while waiting:
                function = waiting.pop()
                if function is None or function in seen:
                    continue
                seen.add(function)
                if hasattr(function, "variable"):
                    leaves.append(function.variable)
                waiting += [before for before, _ in function.next_functions]
            return leaves
            """
        },
        rejected_by="check_where_the_path_has_no_length",
    ),
    "goes_every_path_and_sorts_out_afterwards": Mutant(
        {
            "walk": """
            if loss.grad_fn is None:
                return [loss] if loss.requires_grad else []
            leaves, waiting = {}, [loss.grad_fn]
            while waiting:
                function = waiting.pop()
                if hasattr(function, "variable"):
                    leaves[id(function.variable)] = function.variable
                waiting += [before for before, _ in function.next_functions if before is not None]
            return list(leaves.values())
            """
        },
        rejected_by="check_diamonds",
    ),
    "calls_itself": Mutant(
        {
            "walk": """
            leaves, seen = [], set()

            def visit(function):
                if function is None or function in seen:
                    return
                seen.add(function)
                if hasattr(function, "variable"):
                    leaves.append(function.variable)
                for before, _ in function.next_functions:
                    visit(before)

            visit(loss.grad_fn)
            return leaves if loss.grad_fn is not None or not loss.requires_grad else [loss]
            """
        },
        rejected_by="check_long_chain",
        crash=True,
    ),
    "stops_after_a_thousand_steps": Mutant(
        {
            "walk": """
            if loss.grad_fn is None:
                return [loss] if loss.requires_grad else []
            leaves, seen, waiting = [], {loss.grad_fn}, [loss.grad_fn]
            for _ in range(1000):
                if not waiting:
                    break
                function = waiting.pop()
                if hasattr(function, "variable"):
                    leaves.append(function.variable)
                new = {before for before, _ in function.next_functions if before is not None} - seen
                seen |= new
                waiting += new
            return leaves
            """
        },
        rejected_by="check_long_chain",
    ),
    "believes_requires_grad": Mutant(
        {"reaches": "return isinstance(value, torch.Tensor) and value.requires_grad"},
        rejected_by="check_a_path_and_not_a_flag",
    ),
    "compares_numbers_instead_of_tensors": Mutant(
        {
            "reaches": """
            if not isinstance(value, torch.Tensor):
                return False
            return any(torch.equal(leaf, parameter) for leaf in reachable_leaves(value))
            """
        },
        rejected_by="check_a_path_and_not_a_flag",
    ),
    "expects_tensors_only": Mutant(
        {"reaches": "return any(leaf is parameter for leaf in reachable_leaves(value))"},
        rejected_by="check_values_that_are_no_tensors",
        crash=True,
    ),
    "names_the_last_cut": Mutant(
        {
            "first_cut": """
            for name, value in reversed(stages):
                if not reaches(value, parameter):
                    return name
            return None
            """
        },
        rejected_by="check_first_cut",
    ),
    "looks_at_the_flag_of_each_stage": Mutant(
        {
            "first_cut": """
            for name, value in stages:
                if not getattr(value, "requires_grad", False):
                    return name
            return None
            """
        },
        rejected_by="check_first_cut",
    ),
}

EQUAL = {
    "reaches: argument: *": "asks for the leaves of a value made of this one: they are the same",
    "first_cut: argument: absolute  `stages`": "a value made of a stage reaches what the stage reaches",
    "first_cut: argument: negate  `stages`": "a value made of a stage reaches what the stage reaches",
    "first_cut: argument: axis_0  `stages`": "a value made of a stage reaches what the stage reaches",
}
