"""Wrong answers to exercise 21 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "leaves_its_hooks": Mutant(
        {
            "inside": """
            outputs = {}
            for name in names:
                part = model.get_submodule(name)
                part.register_forward_hook(lambda _, __, out, name=name: outputs.update({name: out}))
            found = torch.autograd.grad(loss_of(model), [outputs[name] for name in names])
            return dict(zip(names, found, strict=True))
            """
        },
        rejected_by="check_nothing_is_left",
    ),
    "leaves_its_hooks_after_an_error": Mutant(
        {
            "inside": """
            outputs, handles = {}, []
            for name in names:
                part = model.get_submodule(name)
                handles.append(part.register_forward_hook(lambda _, __, out, name=name: outputs.update({name: out})))
            loss = loss_of(model)
            for handle in handles:
                handle.remove()
            found = torch.autograd.grad(loss, [outputs[name] for name in names])
            return dict(zip(names, found, strict=True))
            """
        },
        rejected_by="check_nothing_is_left",
    ),
    "writes_grad": Mutant(
        {
            "inside": """
            outputs, handles = {}, []

            def keep(name, out):
                out.retain_grad()
                outputs[name] = out

            for name in names:
                part = model.get_submodule(name)
                handles.append(part.register_forward_hook(lambda _, __, out, name=name: keep(name, out)))
            try:
                loss_of(model).backward()
            finally:
                for handle in handles:
                    handle.remove()
            return {name: outputs[name].grad for name in names}
            """
        },
        rejected_by="check_inside",
    ),
    "all_names_are_the_last": Mutant(
        {
            "inside": """
            outputs, handles = {}, []
            for name in names:
                part = model.get_submodule(name)
                handles.append(part.register_forward_hook(lambda _, __, out: outputs.update({name: out})))
            try:
                loss = loss_of(model)
            finally:
                for handle in handles:
                    handle.remove()
            found = torch.autograd.grad(loss, list(outputs.values()))
            return dict(zip(names, found))
            """
        },
        rejected_by="check_inside",
    ),
    "hooks_x_itself": Mutant(
        {
            "factor": """
            if x.requires_grad:
                x.register_hook(lambda gradient: gradient * factor)
            return x
            """
        },
        rejected_by="check_one_path_alone",
    ),
    "writes_into_the_gradient": Mutant(
        {
            "factor": """
            out = x.view_as(x)
            if out.requires_grad:
                out.register_hook(lambda gradient: gradient.mul_(factor))
            return out
            """
        },
        rejected_by="check_other_tensors",
    ),
    "scales_the_value_too": Mutant({"factor": "return x * factor"}, rejected_by="check_one_path_alone"),
    "cannot_be_called_on_data": Mutant(
        {
            "factor": """
            out = x.view_as(x)
            out.register_hook(lambda gradient: gradient * factor)
            return out
            """
        },
        rejected_by="check_other_tensors",
        crash=True,
    ),
    "forgets_the_parameters": Mutant(
        {
            "backward": """
            x, *parameters = ctx.saved_tensors
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                torch.set_rng_state(ctx.random_state)
                leaf = x.detach().requires_grad_()
                (found,) = torch.autograd.grad(ctx.function(leaf), leaf, gradient)
            return None, found, *[None] * len(parameters)
            """
        },
        rejected_by="check_recomputed",
    ),
    "draws_other_numbers": Mutant(
        {
            "backward": """
            x, *parameters = ctx.saved_tensors
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                leaf = x.detach().requires_grad_()
                found = torch.autograd.grad(ctx.function(leaf), [leaf, *parameters], gradient)
            return None, *found
            """
        },
        rejected_by="check_same_randomness",
    ),
    "moves_the_random_state": Mutant(
        {
            "backward": """
            x, *parameters = ctx.saved_tensors
            with torch.enable_grad():
                torch.set_rng_state(ctx.random_state)
                leaf = x.detach().requires_grad_()
                found = torch.autograd.grad(ctx.function(leaf), [leaf, *parameters], gradient)
            return None, *found
            """
        },
        rejected_by="check_same_randomness",
    ),
    "ignores_what_comes_in": Mutant(
        {
            "backward": """
            x, *parameters = ctx.saved_tensors
            with torch.random.fork_rng(devices=[]), torch.enable_grad():
                torch.set_rng_state(ctx.random_state)
                leaf = x.detach().requires_grad_()
                found = torch.autograd.grad(ctx.function(leaf).sum(), [leaf, *parameters])
            return None, *found
            """
        },
        rejected_by="check_recomputed",
    ),
}
EQUAL = {
    "factor: argument: detach  `x` #2": "of this x the shape alone is used",
    "factor: argument: absolute  `x` #2": "of this x the shape alone is used",
    "factor: argument: negate  `x` #2": "of this x the shape alone is used",
    "factor: argument: axis_0  `x` #2": "of this x the shape alone is used",
    "backward: devices left out  `torch.random.fork_rng(devices=[])`": "the same where there is no GPU",
}
