"""Right answers to exercise 11, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "variance": "return (draws - draws.mean(0)).square().sum() / (len(draws) - 1)",
        "bias": """
            distance = ((draws.mean(0) - truth) ** 2).sum()
            noise = variance(draws) / draws.shape[0]
            return distance - noise
            """,
        "error": """
            calls = math.floor(budget / milliseconds)
            if calls < 1:
                return float("inf")
            return (max(bias2, 0.0) + variance / calls) ** 0.5
            """,
        "better": """
            differences = errors_a - errors_b
            count = len(differences)
            error = (differences.var() / count) ** 0.5
            if differences.mean() < -2 * error:
                return "a"
            if differences.mean() > 2 * error:
                return "b"
            return "undecided"
            """,
    },
    {
        "variance": """
            flat = draws.reshape(len(draws), -1)
            return flat.std(0).square().sum()
            """,
        "bias": """
            flat = (draws - truth).reshape(len(draws), -1)
            count = len(flat)
            products = flat @ flat.T
            return (products.sum() - products.diagonal().sum()) / (count * (count - 1))
            """,
        "error": """
            calls = 0
            while (calls + 1) * milliseconds <= budget:
                calls += 1
            return math.sqrt((bias2 if bias2 > 0 else 0.0) + variance / calls) if calls > 0 else math.inf
            """,
        "better": """
            import statistics

            pairs = [float(a - b) for a, b in zip(errors_a, errors_b, strict=True)]
            mean, error = statistics.fmean(pairs), statistics.stdev(pairs) / len(pairs) ** 0.5
            return "undecided" if abs(mean) <= 2 * error else "ab"[mean > 0]
            """,
    },
]
