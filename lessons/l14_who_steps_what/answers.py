"""Right answers to exercise 14, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "not_held": """
            names = []
            known = held(optimizers)
            for name, one in tensors.items():
                if not one.requires_grad or not loss.requires_grad:
                    continue
                gradient = torch.autograd.grad(loss, one, retain_graph=True, allow_unused=True)[0]
                if gradient is not None and gradient.any() and id(one) not in known:
                    names.append(name)
            return names
            """,
        "stale": """
            own = {id(one) for one in model.parameters()}
            return sum(one not in own for one in held(optimizers))
            """,
        "moved": """
            before = [one.detach().clone() for one in tensors.values()]
            step()
            pairs = zip(tensors.items(), before, strict=True)
            return [name for (name, one), old in pairs if not (one.detach() != old).any()]
            """,
        "replace": """
            old = list(model.head.parameters())
            for group in optimizer.param_groups:
                kept = [one for one in group["params"] if not any(one is other for other in old)]
                if len(kept) < len(group["params"]):
                    group["params"] = [*kept, *new.parameters()]
            for one in old:
                optimizer.state.pop(one, None)
            model.head = new
            """,
    },
    {
        "not_held": """
            if not loss.requires_grad:
                return []
            names = [name for name, one in tensors.items() if one.requires_grad]
            if not names:
                return []
            found = torch.autograd.grad(loss, [tensors[name] for name in names], retain_graph=True, allow_unused=True)
            pairs = zip(names, found, strict=True)
            got = {name for name, one in pairs if one is not None and torch.count_nonzero(one) > 0}
            known = [one for optimizer in optimizers for group in optimizer.param_groups for one in group["params"]]
            return [name for name in tensors if name in got and not any(tensors[name] is one for one in known)]
            """,
        "stale": """
            parameters = list(model.parameters())
            seen = []
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    for one in group["params"]:
                        if not any(one is other for other in [*parameters, *seen]):
                            seen.append(one)
            return len(seen)
            """,
        "moved": """
            import copy

            before = copy.deepcopy({name: one.detach() for name, one in tensors.items()})
            step()
            same = []
            for name, one in tensors.items():
                if one.detach().equal(before[name]):
                    same.append(name)
            return same
            """,
        "replace": """
            gone = set(map(id, model.head.parameters()))
            setattr(model, "head", new)
            for one in [one for one in optimizer.state if id(one) in gone]:
                del optimizer.state[one]
            for group in optimizer.param_groups:
                if gone & set(map(id, group["params"])):
                    group["params"][:] = [one for one in group["params"] if id(one) not in gone] + [*new.parameters()]
            """,
    },
]
