"""Right answers to exercise 20, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "scaled": """
            larger = torch.autograd.grad(scale * loss, list(parameters), retain_graph=True)
            found = [one.to(torch.float32) * (1.0 / scale) for one in larger]
            if any(one.isnan().any() or one.isinf().any() for one in larger):
                return None
            return found
            """,
        "underflowed": """
            count = 0
            for one in parameters:
                (small,) = torch.autograd.grad(loss, one, retain_graph=True)
                (large,) = torch.autograd.grad(scale * loss, one, retain_graph=True)
                count += torch.count_nonzero(large).item() - torch.count_nonzero(small).item()
            return count
            """,
        "next": """
            good = good + 1 if finite else 0
            if good >= interval:
                return 2.0 * scale, 0
            return scale * (1.0 if finite else 0.5), good
            """,
        "step": """
            for one in parameters:
                one.grad = None
            scaler.scale(loss_of()).backward()
            scaler.unscale_(optimizer)
            norm = torch.sqrt(sum(one.grad.square().sum() for one in parameters))
            if norm > max_norm:
                for one in parameters:
                    one.grad.mul_(max_norm / norm)
            scaler.step(optimizer)
            scaler.update()
            return float(norm)
            """,
    },
    {
        "scaled": """
            seed = torch.full_like(loss, scale)
            found = torch.autograd.grad(loss, parameters, grad_outputs=seed, retain_graph=True)
            wide = [one.double() / scale for one in found]
            if all(torch.isfinite(one).all() for one in wide):
                return [one.float() for one in wide]
            return None
            """,
        "underflowed": """
            found = [torch.autograd.grad(one, parameters, retain_graph=True) for one in (loss, scale * loss)]
            flat = [torch.cat([part.flatten() for part in one]) for one in found]
            return int(torch.logical_and(flat[0].eq(0), flat[1].ne(0)).count_nonzero())
            """,
        "next": """
            if finite and good < interval - 1:
                return scale, good + 1
            return (2 * scale if finite else scale / 2), 0
            """,
        "step": """
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of()
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            norm = float(torch.nn.utils.get_total_norm([one.grad for one in parameters]))
            torch.nn.utils.clip_grad_norm_(parameters, max_norm=max_norm)
            scaler.step(optimizer)
            scaler.update()
            return norm
            """,
    },
]
