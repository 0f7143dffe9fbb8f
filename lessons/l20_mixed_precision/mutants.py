"""Wrong answers to exercise 20 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "scales_the_gradient": Mutant(
        {
            "scaled": """
            found = torch.autograd.grad(loss, parameters, retain_graph=True)
            larger = [one.float() * scale for one in found]
            return [one / scale for one in larger]
            """
        },
        rejected_by="check_scaled_gradients",
    ),
    "divides_in_half_precision": Mutant(
        {
            "scaled": """
            found = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
            if not all(bool(one.isfinite().all()) for one in found):
                return None
            return [(one / scale).float() for one in found]
            """
        },
        rejected_by="check_scaled_gradients",
    ),
    "forgets_to_divide": Mutant(
        {
            "scaled": """
            found = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
            if not all(bool(one.isfinite().all()) for one in found):
                return None
            return [one.float() for one in found]
            """
        },
        rejected_by="check_scaled_gradients",
    ),
    "hands_infinity_on": Mutant(
        {
            "scaled": """
            found = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
            return [one.float() / scale for one in found]
            """
        },
        rejected_by="check_overflow",
    ),
    "looks_for_nan_alone": Mutant(
        {
            "scaled": """
            found = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
            if any(bool(one.isnan().any()) for one in found):
                return None
            return [one.float() / scale for one in found]
            """
        },
        rejected_by="check_overflow",
    ),
    "counts_true_zeros": Mutant(
        {
            "underflowed": """
            plain = torch.autograd.grad(loss, parameters, retain_graph=True)
            return sum(int((a == 0).sum()) for a in plain)
            """
        },
        rejected_by="check_underflowed",
    ),
    "counts_tensors": Mutant(
        {
            "underflowed": """
            plain = torch.autograd.grad(loss, parameters, retain_graph=True)
            larger = torch.autograd.grad(loss * scale, parameters, retain_graph=True)
            return sum(bool(((a == 0) & (b != 0)).any()) for a, b in zip(plain, larger, strict=True))
            """
        },
        rejected_by="check_underflowed",
    ),
    "uses_a_scale_of_its_own": Mutant(
        {
            "underflowed": """
            plain = torch.autograd.grad(loss, parameters, retain_graph=True)
            larger = torch.autograd.grad(loss * 65536.0, parameters, retain_graph=True)
            return sum(int(((a == 0) & (b != 0)).sum()) for a, b in zip(plain, larger, strict=True))
            """
        },
        rejected_by="check_underflowed",
    ),
    "goes_on_counting_after_a_skip": Mutant(
        {
            "next": """
            if not finite:
                return scale / 2, good
            if good + 1 == interval:
                return scale * 2, 0
            return scale, good + 1
            """
        },
        rejected_by="check_next_scale",
    ),
    "doubles_one_step_late": Mutant(
        {
            "next": """
            if not finite:
                return scale / 2, 0
            if good == interval:
                return scale * 2, 0
            return scale, good + 1
            """
        },
        rejected_by="check_next_scale",
    ),
    "clips_before_unscaling": Mutant(
        {
            "step": """
            optimizer.zero_grad()
            scaler.scale(loss_of()).backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            return norm.item()
            """
        },
        rejected_by="check_step",
    ),
    "divides_by_the_scale_after_the_update": Mutant(
        {
            "step": """
            optimizer.zero_grad()
            scaler.scale(loss_of()).backward()
            norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm * scaler.get_scale())
            scaler.step(optimizer)
            scaler.update()
            return norm.item() / scaler.get_scale()
            """
        },
        rejected_by="check_step",
    ),
    "never_updates_the_scale": Mutant(
        {
            "step": """
            optimizer.zero_grad()
            scaler.scale(loss_of()).backward()
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
            scaler.step(optimizer)
            return norm.item()
            """
        },
        rejected_by="check_step",
        crash=True,
    ),
    "steps_without_the_scaler": Mutant(
        {
            "step": """
            optimizer.zero_grad()
            scaler.scale(loss_of()).backward()
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
            optimizer.step()
            scaler.update()
            return norm.item()
            """
        },
        rejected_by="check_step_left_out",
    ),
    "adds_to_old_gradients": Mutant(
        {
            "step": """
            scaler.scale(loss_of()).backward()
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
            scaler.step(optimizer)
            scaler.update()
            return norm.item()
            """
        },
        rejected_by="check_step",
    ),
}
EQUAL = {
    "underflowed: argument: absolute  `loss`*": "an entry is 0 or not whatever the sign of the loss",
    "underflowed: argument: negate  `loss`*": "an entry is 0 or not whatever the sign of the loss",
    "underflowed: argument: negate  `scale`": "an entry is 0 or not whatever the sign of the scale",
    "step: side effect: grad": "what .grad holds after the step is not asked",
}
