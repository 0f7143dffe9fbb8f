"""Right answers to exercise 3, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "difference": """
            with torch.no_grad():
                a = float(function(point.clone().add(direction, alpha=step)))
                b = float(function(point.clone().sub(direction, alpha=step)))
            return (a - b) / step / 2
            """,
        "edge": """
            base = point.detach().clone()
            first = float(function(base))
            if not float(function(base + far * direction)) != first:
                return None
            same, other = 0.0, far
            for _ in range(rounds):
                here = 0.5 * (same + other)
                same, other = (here, other) if float(function(base + here * direction)) == first else (same, here)
            return other
            """,
        "honest": """
            value = function(point)
            if value.grad_fn is None and value is not point:
                return False
            gradient = torch.autograd.grad(value, point, allow_unused=True)[0]
            if gradient is None or torch.count_nonzero(gradient) == 0:
                return False
            try:
                return torch.autograd.gradcheck(function, point)
            except Exception:
                return False
            """,
    },
    {
        "difference": """
            base = point.detach().clone()
            values = [float(function(base + sign * step * direction)) for sign in (1, -1)]
            return (values[0] - values[1]) / (step + step)
            """,
        "edge": """
            base = point.detach()
            before = float(function(base))

            def same(distance):
                return float(function(base + distance * direction)) == before

            if same(far):
                return None
            low, width = 0.0, far
            for _ in range(rounds):
                width /= 2
                if same(low + width):
                    low += width
            return low + width
            """,
        "honest": """
            value = function(point)
            if not value.requires_grad:
                return False
            try:
                (gradient,) = torch.autograd.grad(value, [point])
            except RuntimeError:
                return False
            return bool((gradient != 0).any()) and torch.autograd.gradcheck(function, (point,), raise_exception=False)
            """,
    },
]
