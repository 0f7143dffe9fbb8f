"""Wrong answers to exercise 14 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "looks_at_the_model_alone": Mutant({"not_held": "return []"}, rejected_by="check_layers_in_a_list"),
    "names_what_is_frozen_too": Mutant(
        {"not_held": "return [name for name, one in tensors.items() if id(one) not in held(optimizers)]"},
        rejected_by="check_who_wants_no_optimizer",
    ),
    "asks_for_the_flag": Mutant(
        {
            "not_held": """
            asked = {name: one for name, one in tensors.items() if one.requires_grad}
            if not loss.requires_grad or not asked:
                return []
            found = torch.autograd.grad(loss, list(asked.values()), allow_unused=True, retain_graph=True)
            arrives = [name for name, one in zip(asked, found, strict=True) if one is not None]
            return [name for name in arrives if id(tensors[name]) not in held(optimizers)]
            """
        },
        rejected_by="check_who_wants_no_optimizer",
    ),
    "takes_equal_for_same": Mutant(
        {
            "not_held": """
            asked = {name: one for name, one in tensors.items() if one.requires_grad}
            if not loss.requires_grad or not asked:
                return []
            found = torch.autograd.grad(loss, list(asked.values()), allow_unused=True, retain_graph=True)
            arrives = [name for name, one in zip(asked, found, strict=True) if one is not None and
            bool(one.ne(0).any())]
            known = [p for o in optimizers for group in o.param_groups for p in group["params"]]
            return [name for name in arrives if not any(torch.equal(tensors[name], p) for p in known)]
            """
        },
        rejected_by="check_the_very_tensor",
    ),
    "looks_at_the_first_group": Mutant(
        {
            "stale": "return len({id(p) for o in optimizers for p in o.param_groups[0]['params']}"
            " - {id(one) for one in model.parameters()})"
        },
        rejected_by="check_stale",
    ),
    "compares_with_itself": Mutant(
        {
            "moved": """
            before = {name: one.detach() for name, one in tensors.items()}
            step()
            return [name for name, one in tensors.items() if torch.equal(one.detach(), before[name])]
            """
        },
        rejected_by="check_never_moved",
    ),
    "takes_a_small_step_for_none": Mutant(
        {
            "moved": """
            before = {name: one.detach().clone() for name, one in tensors.items()}
            step()
            return [name for name, one in tensors.items() if torch.allclose(one.detach(), before[name])]
            """
        },
        rejected_by="check_never_moved",
    ),
    "adds_a_group": Mutant(
        {
            "replace": """
            model.head = new
            optimizer.add_param_group({"params": list(new.parameters())})
            """
        },
        rejected_by="check_a_new_head",
    ),
    "forgets_all_momentum": Mutant(
        {
            "replace": """
            old = {id(one) for one in model.head.parameters()}
            for group in optimizer.param_groups:
                if any(id(one) in old for one in group["params"]):
                    group["params"] = [one for one in group["params"] if id(one) not in old] + list(new.parameters())
            optimizer.state.clear()
            model.head = new
            """
        },
        rejected_by="check_a_new_head",
    ),
}

EQUAL = {
    "replace: loop: tail  `(id(one) in old*": "the group holds two of the old ones: one is enough to know it",
    "replace: loop: head  `(id(one) in old*": "the group holds two of the old ones: one is enough to know it",
    "not_held: argument: absolute  `loss`": "the gradient is zero or not whatever its sign",
    "not_held: argument: negate  `loss`": "the gradient is zero or not whatever its sign",
    "moved: .detach() left out  `one.detach()`*": "values alone are compared",
    "moved: argument: detach  `tensors`*": "values alone are compared",
    "moved: side effect: random": "a step may draw random numbers",
}
