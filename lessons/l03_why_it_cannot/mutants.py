"""Wrong answers to exercise 3 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "moves_the_point_and_back": Mutant(
        {
            "difference": """
            point += step * direction
            up = function(point)
            point -= 2 * step * direction
            down = function(point)
            return float(up - down) / (2 * step)
            """
        },
        rejected_by="check_point_is_left_alone",
    ),
    "divides_by_half_the_distance": Mutant(
        {
            "difference": """
            up, down = function(point + step * direction), function(point - step * direction)
            return float(up - down) / step
            """
        },
        rejected_by="check_slope_of_a_smooth_function",
    ),
    "goes_to_one_side_only": Mutant(
        {"difference": "return float(function(point + step * direction) - function(point)) / step"},
        rejected_by="check_slope_of_a_smooth_function",
    ),
    "calculates_in_single_precision": Mutant(
        {
            "difference": """
            point, direction = point.float(), direction.float()
            up, down = function(point + step * direction), function(point - step * direction)
            return float(up - down) / (2 * step)
            """
        },
        rejected_by="check_slope_of_a_smooth_function",
    ),
    "looks_at_a_grid": Mutant(
        {
            "edge": """
            start = float(function(point))
            for step in range(1, 1001):
                if float(function(point + far * step / 1000 * direction)) != start:
                    return far * step / 1000
            return None
            """
        },
        rejected_by="check_edge_of_the_staircase",
    ),
    "halves_without_looking_at_the_end": Mutant(
        {
            "edge": """
            start = float(function(point))
            low, high = 0.0, far
            for _ in range(rounds):
                middle = (low + high) / 2
                if float(function(point + middle * direction)) == start:
                    low = middle
                else:
                    high = middle
            return high
            """
        },
        rejected_by="check_where_there_is_no_edge",
    ),
    "trusts_gradcheck": Mutant(
        {"honest": "return torch.autograd.gradcheck(function, (point,), raise_exception=False)"},
        rejected_by="check_deceivers",
    ),
    "asks_for_a_path_only": Mutant(
        {
            "honest": """
            if not function(point).requires_grad:
                return False
            return torch.autograd.gradcheck(function, (point,), raise_exception=False)
            """
        },
        rejected_by="check_deceivers",
    ),
    "asks_for_nonzero_only": Mutant(
        {
            "honest": """
            value = function(point)
            if not value.requires_grad:
                return False
            (found,) = torch.autograd.grad(value, point, allow_unused=True)
            return found is not None and bool(found.ne(0).any())
            """
        },
        rejected_by="check_deceivers",
    ),
    "wants_every_entry_to_have_a_gradient": Mutant(
        {
            "honest": """
            value = function(point)
            if not value.requires_grad:
                return False
            (found,) = torch.autograd.grad(value, point, allow_unused=True)
            if found is None or not bool(found.ne(0).all()):
                return False
            return torch.autograd.gradcheck(function, (point,), raise_exception=False)
            """
        },
        rejected_by="check_right_and_wrong_gradients",
    ),
    "lets_gradcheck_raise": Mutant(
        {
            "honest": """
            value = function(point)
            if not value.requires_grad:
                return False
            (found,) = torch.autograd.grad(value, point, allow_unused=True)
            if found is None or not bool(found.ne(0).any()):
                return False
            return torch.autograd.gradcheck(function, (point,))
            """
        },
        rejected_by="check_deceivers",
        crash=True,
    ),
    "believes_that_true_means_arrival": Mutant({"proves": 'TRUE_PROVES = "a"'}, rejected_by="check_what_true_proves"),
}

EQUAL = {
    "difference: .detach() left out  `point.detach()`": "a number is returned either way",
    "edge: loop: tail *": "one halving of sixty fewer: within what is asked",
    "edge: loop: head *": "one halving of sixty fewer: within what is asked",
    "edge: .detach() left out  `point.detach()`": "numbers are compared either way",
}
