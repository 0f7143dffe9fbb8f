"""Wrong answers to exercise 13 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "forgets_the_axes_in_front": Mutant(
        {
            "unbroadcast": """
            for axis, size in enumerate(shape):
                if size == 1:
                    gradient = gradient.sum(axis, keepdim=True)
            return gradient
            """
        },
        rejected_by="check_unbroadcast",
    ),
    "forgets_the_axes_of_length_1": Mutant(
        {
            "unbroadcast": """
            while gradient.ndim > len(shape):
                gradient = gradient.sum(0)
            return gradient
            """
        },
        rejected_by="check_unbroadcast",
    ),
    "takes_the_mean_of_the_copies": Mutant(
        {
            "unbroadcast": """
            while gradient.ndim > len(shape):
                gradient = gradient.mean(0)
            for axis, size in enumerate(shape):
                if size == 1:
                    gradient = gradient.mean(axis, keepdim=True)
            return gradient
            """
        },
        rejected_by="check_unbroadcast",
    ),
    "sums_the_last_axes": Mutant(
        {
            "unbroadcast": """
            while gradient.ndim > len(shape):
                gradient = gradient.sum(-1)
            return gradient.reshape(shape) if gradient.numel() == torch.Size(shape).numel() else gradient
            """
        },
        rejected_by="check_unbroadcast",
    ),
    "swaps_the_slopes": Mutant(
        {
            "product": """
            return Array(
                self.data * other.data,
                (
                    (self, lambda behind: unbroadcast(behind * self.data, self.data.shape)),
                    (other, lambda behind: unbroadcast(behind * other.data, other.data.shape)),
                ),
            )
            """
        },
        rejected_by="check_product",
    ),
    "forgets_one_factor": Mutant(
        {
            "product": """
            return Array(
                self.data * other.data,
                ((self, lambda behind: unbroadcast(behind * other.data, self.data.shape)),),
            )
            """
        },
        rejected_by="check_product",
    ),
    "gives_both_the_shape_of_the_product": Mutant(
        {
            "product": """
            return Array(
                self.data * other.data,
                ((self, lambda behind: behind * other.data), (other, lambda behind: behind * self.data)),
            )
            """
        },
        rejected_by="check_product",
    ),
    "does_not_transpose": Mutant(
        {
            "matmul": """
            return Array(
                self.data @ other.data,
                ((self, lambda behind: behind @ other.data.T), (other, lambda behind: (behind.T @ self.data).T * 2)),
            )
            """
        },
        rejected_by="check_matmul",
    ),
    "forgets_the_weights": Mutant(
        {"matmul": "return Array(self.data @ other.data, ((self, lambda behind: behind @ other.data.T),))"},
        rejected_by="check_matmul",
    ),
    "shares_the_gradient_among_the_addends": Mutant(
        {
            "total": """
            return Array(
                self.data.sum(axis, keepdim=True),
                ((self, lambda behind: behind.expand(self.data.shape) / self.data.shape[axis]),),
            )
            """
        },
        rejected_by="check_total",
    ),
    "drops_the_axis": Mutant(
        {"total": "return Array(self.data.sum(axis), ((self, lambda behind: behind.expand(self.data.shape)),))"},
        rejected_by="check_total",
        crash=True,
    ),
    "chooses": Mutant(
        {
            "cost": """
            best = logits.data.argmax(1, keepdim=True)
            return Array(costs.data[best])
            """
        },
        rejected_by="check_cost",
    ),
    "divides_by_a_plain_number": Mutant(
        {
            "cost": """
            weights = logits.exp()
            return (weights * costs).total(1) * Array(1 / weights.data.sum(1, keepdim=True))
            """
        },
        rejected_by="check_cost",
    ),
    "does_not_divide": Mutant({"cost": "return (logits.exp() * costs).total(1)"}, rejected_by="check_cost"),
    "normalises_over_the_rows": Mutant(
        {
            "cost": """
            weights = logits.exp()
            return (weights * weights.total(0).power(-1) * costs).total(1)
            """
        },
        rejected_by="check_cost",
    ),
    "stops_the_costs": Mutant(
        {
            "cost": """
            weights = logits.exp()
            return (weights * Array(costs.data)).total(1) * weights.total(1).power(-1)
            """
        },
        rejected_by="check_cost",
    ),
}
EQUAL = {
    "total: .clone() left out *": "nothing is written into a gradient",
    "unbroadcast: tolerance widened  `size == 1`": "sizes are whole numbers",
    "cost: number  `1` #2": "the last of two axes is the second",
    "cost: number  `1` #5": "the last of two axes is the second",
}
