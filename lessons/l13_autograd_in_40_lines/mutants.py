"""Wrong answers to exercise 13 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "goes_every_path": Mutant(
        {
            "order": """
            depth, waiting = {}, [(last, 0)]
            while waiting:
                value, steps = waiting.pop()
                depth[value] = max(steps, depth.get(value, 0))
                waiting += [(before, steps + 1) for before, _ in value.made_of]
            return sorted(depth, key=depth.get)
            """
        },
        rejected_by="check_diamonds_in_a_row",
    ),
    "swaps_the_slopes": Mutant(
        {"product": "return Value(self.data * other.data, ((self, self.data), (other, other.data)))"},
        rejected_by="check_product",
    ),
    "forgets_one_factor": Mutant(
        {"product": "return Value(self.data * other.data, ((self, other.data),))"}, rejected_by="check_product"
    ),
    "assigns": Mutant(
        {
            "accumulate": """
            self.grad = 1.0
            for value in order:
                for before, slope in value.made_of:
                    before.grad = slope * value.grad
            """
        },
        rejected_by="check_diamond",
    ),
    "walks_in_the_order_of_discovery": Mutant(
        {
            "order": """
            order, waiting = [], [last]
            while waiting:
                value = waiting.pop()
                if value not in order:
                    order.append(value)
                    waiting += [before for before, _ in value.made_of]
            return order
            """
        },
        rejected_by="check_order",
    ),
    "walks_level_by_level": Mutant(
        {
            "order": """
            order = [last]
            for value in order:
                order += [before for before, _ in value.made_of if before not in order]
            return order
            """
        },
        rejected_by="check_order",
    ),
    "sends_the_old_gradient_again": Mutant(
        {
            "accumulate": """
            self.grad += 1.0
            for value in order:
                for before, slope in value.made_of:
                    before.grad += slope * value.grad
            """
        },
        rejected_by="check_second_call",
    ),
    "wipes_the_leaves": Mutant(
        {
            "accumulate": """
            for value in order:
                value.grad = 0.0
            self.grad = 1.0
            for value in order:
                for before, slope in value.made_of:
                    before.grad += slope * value.grad
            """
        },
        rejected_by="check_second_call",
    ),
    "recurses": Mutant(
        {
            "order": """
            order, seen = [], set()

            def visit(value):
                if value not in seen:
                    seen.add(value)
                    for before, _ in value.made_of:
                        visit(before)
                    order.append(value)

            visit(last)
            return order[::-1]
            """
        },
        rejected_by="check_long_chain",
        crash=True,
    ),
    "knows_values_by_their_numbers": Mutant(
        {
            "order": """
            order, seen, waiting = [], set(), [(last, False)]
            while waiting:
                value, inputs_done = waiting.pop()
                if inputs_done:
                    order.append(value)
                elif (value.data, len(value.made_of)) not in seen:
                    seen.add((value.data, len(value.made_of)))
                    waiting.append((value, True))
                    waiting += [(before, False) for before, _ in value.made_of]
            return order[::-1]
            """
        },
        rejected_by="check_equal_numbers",
    ),
    "chooses": Mutant(
        {
            "cost": """
            best = max(range(len(logits)), key=lambda place: logits[place].data)
            return Value(costs[best])
            """
        },
        rejected_by="check_cost",
    ),
    "divides_by_a_plain_number": Mutant(
        {
            "cost": """
            weights = [logit.exp() for logit in logits]
            total = sum(weight.data for weight in weights)
            result = Value(0.0)
            for weight, cost in zip(weights, costs, strict=True):
                result = result + weight * Value(cost / total)
            return result
            """
        },
        rejected_by="check_cost",
    ),
    "does_not_divide": Mutant(
        {
            "cost": """
            result = Value(0.0)
            for logit, cost in zip(logits, costs, strict=True):
                result = result + logit.exp() * Value(cost)
            return result
            """
        },
        rejected_by="check_cost",
    ),
}
