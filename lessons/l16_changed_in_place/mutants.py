"""Wrong answers to exercise 16 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "counts_versions_alone": Mutant(
        {
            "writes": """
            before = {name: one._version for name, one in tensors.items()}
            action()
            return [name for name, one in tensors.items() if one._version != before[name]]
            """
        },
        rejected_by="check_who_writes",
    ),
    "compares_numbers_alone": Mutant(
        {
            "writes": """
            before = {name: one.detach().clone() for name, one in tensors.items()}
            action()
            return [name for name, one in tensors.items() if not torch.equal(one, before[name])]
            """
        },
        rejected_by="check_who_writes",
    ),
    "writes_into_the_sigmoid": Mutant(
        {
            "residual": """
            out = torch.sigmoid(gate)
            out += 1
            return out * x
            """
        },
        rejected_by="check_gated_residual",
        crash=True,
    ),
    "writes_into_x": Mutant(
        {
            "residual": """
            out = torch.sigmoid(gate) * x
            x.data += out.data
            return out + x
            """
        },
        rejected_by="check_gated_residual",
    ),
    "detaches_the_gate": Mutant(
        {"residual": "return torch.sigmoid(gate).detach() * x + x"}, rejected_by="check_gated_residual"
    ),
    "fills_in_place": Mutant({"mask": "return scores.masked_fill_(~allowed, value)"}, rejected_by="check_mask"),
    "masks_by_data": Mutant(
        {
            "mask": """
            out = scores * 1.0
            out.data[~allowed.expand_as(scores)] = value
            return out
            """
        },
        rejected_by="check_mask",
    ),
    "assigns": Mutant({"average": "average = decay * average + (1 - decay) * new"}, rejected_by="check_average"),
    "keeps_the_graph": Mutant(
        {"average": "average.mul_(decay).add_(new, alpha=1 - decay)"}, rejected_by="check_average"
    ),
    "writes_into_new": Mutant(
        {
            "average": """
            with torch.no_grad():
                average.mul_(decay).add_(new.mul_(1 - decay))
            """
        },
        rejected_by="check_average",
    ),
}
EQUAL = {
    "writes: number  `1` #2": "the last of two is the second",
    "average: argument: detach  `new`": "nothing is recorded there",
    "writes: .detach() left out *": "torch.equal looks at values alone",
}
