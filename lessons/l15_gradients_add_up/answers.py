"""Right answers to exercise 15, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "accumulate": """
            batches = list(micro_batches)
            samples = sum(len(batch) for batch in batches)
            for group in optimizer.param_groups:
                for one in group["params"]:
                    one.grad = None
            parts = []
            for batch in batches:
                part = len(batch) * loss_of(model, batch) / samples
                part.backward()
                parts.append(part.item())
            optimizer.step()
            return sum(parts)
            """,
        "chunks": """
            carried = state.detach()
            for chunk in chunks:
                inner = carried
                for row in chunk.unbind(0):
                    inner = cell(row, inner)
                optimizer.zero_grad(set_to_none=True)
                loss_of(inner).backward()
                optimizer.step()
                carried = inner.detach()
            return carried
            """,
        "player": """
            mine = list(own.parameters())
            for one, gradient in zip(mine, torch.autograd.grad(loss, mine, allow_unused=True), strict=True):
                one.grad = gradient
            optimizer.step()
            return None
            """,
    },
    {
        "accumulate": """
            micro_batches = tuple(micro_batches)
            count = sum(map(len, micro_batches))
            optimizer.zero_grad(set_to_none=True)
            total = 0.0
            for batch in micro_batches:
                loss = loss_of(model, batch)
                loss.backward(torch.full_like(loss, len(batch) / count))
                total += float(loss.detach()) * len(batch) / count
            optimizer.step()
            return total
            """,
        "chunks": """
            for chunk in chunks:
                state = state.detach().clone()
                for row in chunk:
                    state = cell(row, state)
                loss = loss_of(state)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return state.detach()
            """,
        "player": """
            optimizer.zero_grad()
            kept = [(one, one.grad) for one in other.parameters()]
            for one, _ in kept:
                one.grad = None
            loss.backward()
            for one, gradient in kept:
                one.grad = gradient
            optimizer.step()
            """,
    },
]
