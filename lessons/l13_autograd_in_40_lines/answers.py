"""Right answers to exercise 13, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "unbroadcast": """
            if gradient.ndim > len(shape):  # a sum over no axes is one over all
                gradient = gradient.sum(tuple(range(gradient.ndim - len(shape))))
            stretched = tuple(axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[axis] != 1)
            return gradient.sum(stretched, keepdim=True) if stretched else gradient
            """,
        "product": """
            def to_first(behind):
                return unbroadcast(other.data * behind, self.data.shape)

            def to_second(behind):
                return unbroadcast(self.data * behind, other.data.shape)

            return Array(self.data * other.data, [(self, to_first), (other, to_second)])
            """,
        "matmul": """
            return Array(
                torch.mm(self.data, other.data),
                (
                    (self, lambda behind: torch.einsum("nm,km->nk", behind, other.data)),
                    (other, lambda behind: torch.einsum("nk,nm->km", self.data, behind)),
                ),
            )
            """,
        "total": """
            return Array(
                self.data.sum(axis).unsqueeze(axis), ((self, lambda behind: behind * torch.ones_like(self.data)),)
            )
            """,
        "cost": """
            weights = logits.exp()
            shares = weights * weights.total(1).power(-1)
            return (shares * costs).total(1)
            """,
    },
    {
        "unbroadcast": "return gradient.sum_to_size(shape)",
        "product": """
            a, b = self.data, other.data
            return Array(
                a * b,
                (
                    (self, lambda behind: unbroadcast(behind.mul(b), a.shape)),
                    (other, lambda behind: unbroadcast(behind.mul(a), b.shape)),
                ),
            )
            """,
        "matmul": """
            back = (lambda behind: (other.data @ behind.T).T, lambda behind: (behind.T @ self.data).T)
            return Array(self.data.matmul(other.data), zip((self, other), back, strict=True))
            """,
        "total": """
            return Array(
                self.data.sum(axis, True),
                ((self, lambda behind: behind.repeat_interleave(self.data.shape[axis], dim=axis)),),
            )
            """,
        "cost": """
            weights = logits.exp()
            return (weights * costs * weights.total(-1).power(-1.0)).total(-1)
            """,
    },
]
