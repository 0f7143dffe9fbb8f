"""Wrong answers to exercise 7 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "takes_tiny_for_zero": Mutant(
        {
            "stages": """
            cutting = []
            for name, stage in stages:
                leaf = value.detach().clone().requires_grad_()
                value = stage(leaf)
                found = None
                if value.requires_grad:
                    weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).view_as(value)
                    (found,) = torch.autograd.grad((value * weights).sum(), leaf, allow_unused=True)
                if found is None or float(found.norm()) < 1e-8:
                    cutting.append(name)
            return cutting
            """
        },
        rejected_by="check_each_stage_is_asked_where_it_stands",
    ),
    "drops_blanks_before_merging": Mutant(
        {
            "segments": """
            place = torch.full_like(path, -1)
            kept = path != 0
            place[kept] = torch.unique_consecutive(path[kept], return_inverse=True)[1]
            return place
            """
        },
        rejected_by="check_segments",
    ),
    "starts_a_letter_at_every_frame": Mutant(
        {"segments": "return torch.where(path != 0, (path != 0).cumsum(0) - 1, -1)"}, rejected_by="check_segments"
    ),
    "adds_the_frames_up": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            kept = place >= 0
            posteriors = logits[kept, 1:].softmax(-1)
            return posteriors.new_zeros(int(place.max()) + 1, posteriors.shape[1]).index_add(0, place[kept], posteriors)
            """
        },
        rejected_by="check_certain_frames",
    ),
    "keeps_the_column_of_the_blank": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            return torch.stack([logits.softmax(-1)[place == one].mean(0) for one in range(int(place.max()) + 1)])
            """
        },
        rejected_by="check_certain_frames",
    ),
    "cuts_the_blank_off_after_the_softmax": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            shares = logits.softmax(-1)[:, 1:]
            return torch.stack([shares[place == one].mean(0) for one in range(int(place.max()) + 1)])
            """
        },
        rejected_by="check_uncertain_frames",
    ),
    "takes_the_first_frame_of_a_letter": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            shares = logits[:, 1:].softmax(-1)
            return torch.stack([shares[place == one][0] for one in range(int(place.max()) + 1)])
            """
        },
        rejected_by="check_uncertain_frames",
    ),
    "detaches_all_but_the_first_frame": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            shares = logits[:, 1:].softmax(-1)
            rows = []
            for one in range(int(place.max()) + 1):
                first, *rest = shares[place == one]
                rows.append((first + sum(row.detach() for row in rest)) / (1 + len(rest)))
            return torch.stack(rows)
            """
        },
        rejected_by="check_gradient_of_the_letters",
    ),
    "collects_numbers_in_a_list": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            shares = logits[:, 1:].softmax(-1)
            rows = [shares[place == one].mean(0).tolist() for one in range(int(place.max()) + 1)]
            return torch.tensor(rows, dtype=logits.dtype, requires_grad=True)
            """
        },
        rejected_by="check_gradient_of_the_letters",
    ),
    "stacks_nothing_for_an_empty_reading": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            shares = logits[:, 1:].softmax(-1)
            return torch.stack([shares[place == one].mean(0) for one in range(int(place.max()) + 1)])
            """
        },
        rejected_by="check_empty_reading",
        crash=True,
    ),
    "gives_a_row_to_an_empty_reading": Mutant(
        {
            "letters": """
            place = segments(logits.argmax(-1))
            shares = logits[:, 1:].softmax(-1)
            letters = max(int(place.max()) + 1, 1)
            return torch.stack([shares[place == one].mean(0) for one in range(letters)])
            """
        },
        rejected_by="check_empty_reading",
    ),
    "adds_outputs_with_equal_weights": Mutant(
        {
            "stages": """
            cutting = []
            for name, stage in stages:
                leaf = value.detach().clone().requires_grad_()
                value = stage(leaf)
                found = torch.autograd.grad(value.sum(), leaf)[0] if value.requires_grad else torch.zeros(1)
                if found.abs().max() < 1e-12:
                    cutting.append(name)
            return cutting
            """
        },
        rejected_by="check_no_false_cut",
    ),
    "names_everything_behind_the_first_cut": Mutant(
        {
            "stages": """
            value = value.detach().clone().requires_grad_()
            cutting = []
            for name, stage in stages:
                value = stage(value)
                if not value.requires_grad:
                    cutting.append(name)
            return cutting
            """
        },
        rejected_by="check_hidden_cuts",
    ),
    "believes_requires_grad": Mutant(
        {
            "stages": """
            cutting = []
            for name, stage in stages:
                value = stage(value.detach().requires_grad_())
                if not value.requires_grad:
                    cutting.append(name)
            return cutting
            """
        },
        rejected_by="check_zero_is_a_cut",
    ),
}

EQUAL = {
    "segments: argument: negate  `path`": "blank or not, equal or not: the sign plays no part",
    "segments: argument: negate  `path` #4": "blank or not, equal or not: the sign plays no part",
    "segments: number  `0` #6": "a first frame always begins a letter, unless it is a blank",
    "letters: argument: detach  `logits`": "a path is made of integers",
    "letters: minlength left out *": "the last letter has a frame",
    "letters: number  `1` #8": "more places than letters are counted, and refused, only where there are none",
    "stages: .clone() left out *": "nothing is written into it",
    "stages: .detach() left out *": "a clone of a leaf's value made a leaf again",
    "stages: argument: detach  `value`*": "it is detached in the next breath",
    "stages: dtype left out *": "the product has the value's dtype",
    "stages: number  `1`*": "any weights that differ will do",
    "stages: number  `2`*": "any weights that differ will do",
    "stages: sum -> mean *": "zero or not is the same",
    "stages: operator  `value * weights`": "any weights that differ will do",
    "stages: argument: absolute  `value`*": "zero or not is the same",
    "stages: argument: negate  `value`*": "zero or not is the same",
    "stages: argument: axis_0  `value` #2": "its shape alone is asked there",
}
