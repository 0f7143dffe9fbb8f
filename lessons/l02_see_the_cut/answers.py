"""Right answers to exercise 2, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "walk": """
            if loss.requires_grad and loss.is_leaf:
                return [loss]
            found, done, todo = {}, set(), [loss.grad_fn]
            while todo:
                node = todo.pop(0)
                if node is None or node in done:
                    continue
                done.add(node)
                if node.name().endswith("AccumulateGrad"):
                    found[id(node.variable)] = node.variable
                todo.extend(before for before, _ in node.next_functions)
            return list(found.values())
            """,
        "reaches": """
            if not torch.is_tensor(value):
                return False
            return id(parameter) in {id(leaf) for leaf in reachable_leaves(value)}
            """,
        "first_cut": "return next((name for name, value in stages if not reaches(value, parameter)), None)",
    },
    {
        "walk": """
            from collections import deque

            leaves, seen = [], set()
            waiting = deque([loss.grad_fn] if loss.grad_fn is not None else [])
            if loss.grad_fn is None and loss.requires_grad:
                leaves.append(loss)
            while waiting:
                function = waiting.popleft()
                if function in seen:
                    continue
                seen.add(function)
                leaf = getattr(function, "variable", None)
                if leaf is not None:
                    leaves.append(leaf)
                waiting.extend(before for before, _ in function.next_functions if before is not None)
            return leaves
            """,
        "reaches": """
            try:
                leaves = reachable_leaves(value)
            except AttributeError:
                return False
            for leaf in leaves:
                if leaf is parameter:
                    return True
            return False
            """,
        "first_cut": """
            broken = [name for name, value in stages if reaches(value, parameter) is False]
            return broken[0] if broken else None
            """,
    },
]
