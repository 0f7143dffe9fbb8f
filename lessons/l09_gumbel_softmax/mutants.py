"""Wrong answers to exercise 9 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "seeds_the_generator_anew": Mutant(
        {
            "read": """
            if training:
                if generator is not None:
                    generator.seed()
                uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
                return sample(logits, uniform, temperature)
            soft = logits.softmax(-1)
            hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_seed_repeats",
    ),
    "forgets_the_temperature_in_training": Mutant(
        {
            "read": """
            if training:
                return sample(logits, torch.rand(logits.shape, generator=generator, dtype=logits.dtype))
            soft = logits.softmax(-1)
            hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_read_in_training",
    ),
    "reads_with_a_temperature": Mutant(
        {
            "read": """
            if training:
                uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
                return sample(logits, uniform, temperature)
            soft = (logits / temperature).softmax(-1)
            hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_every_axis_but_the_last",
    ),
    "draws_the_same_at_each_seed": Mutant(
        {
            "read": """
            if training:
                uniform = torch.rand(logits.shape, dtype=logits.dtype, generator=torch.Generator().manual_seed(0))
                return sample(logits, uniform, temperature)
            soft = logits.softmax(-1)
            hard = F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_letters_are_independent",
    ),
    "draws_normal_noise": Mutant(
        {"noise": "return torch.special.ndtri(uniform.clamp_min(1e-30))"}, rejected_by="check_noise_by_its_formula"
    ),
    "gets_the_sign_wrong": Mutant(
        {"noise": "return (-uniform.clamp_min(1e-30).log()).log()"}, rejected_by="check_noise_by_its_formula"
    ),
    "forgets_that_rand_may_be_zero": Mutant(
        {"noise": "return -(-uniform.log()).log()"}, rejected_by="check_noise_is_finite"
    ),
    "adds_a_small_number_to_be_safe": Mutant(
        {"noise": "return -(-(uniform + 1e-6).log() + 1e-6).log()"}, rejected_by="check_noise_by_its_formula"
    ),
    "returns_the_relaxed_letters": Mutant(
        {"sample": "return ((logits + gumbel_noise(uniform)) / temperature).softmax(-1)"},
        rejected_by="check_samples_are_letters",
    ),
    "puts_the_brackets_elsewhere": Mutant(
        {
            "sample": """
            soft = ((logits + gumbel_noise(uniform)) / temperature).softmax(-1)
            hard = F.one_hot(soft.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + soft - soft.detach()
            """
        },
        rejected_by="check_samples_are_letters",
    ),
    "divides_before_the_noise": Mutant(
        {
            "sample": """
            soft = (logits / temperature + gumbel_noise(uniform)).softmax(-1)
            hard = F.one_hot(soft.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_law",
    ),
    "adds_the_noise_after_the_softmax": Mutant(
        {
            "sample": """
            soft = (logits / temperature).softmax(-1)
            hard = F.one_hot((soft + gumbel_noise(uniform)).argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_law",
    ),
    "draws_without_a_gradient": Mutant(
        {"sample": "return F.one_hot((logits + gumbel_noise(uniform)).argmax(-1), logits.shape[-1]).to(logits.dtype)"},
        rejected_by="check_gradient",
    ),
    "takes_the_gradient_without_the_noise": Mutant(
        {
            "sample": """
            soft = (logits / temperature).softmax(-1)
            hard = F.one_hot((logits + gumbel_noise(uniform)).argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_gradient",
    ),
    "forgets_the_temperature": Mutant(
        {
            "sample": """
            soft = (logits + gumbel_noise(uniform)).softmax(-1)
            hard = F.one_hot(soft.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return hard + (soft - soft.detach())
            """
        },
        rejected_by="check_gradient",
    ),
    "draws_in_evaluation_too": Mutant(
        {
            "read": """
            uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
            return sample(logits, uniform, temperature)
            """
        },
        rejected_by="check_evaluation_is_quiet",
    ),
    "evaluates_without_a_gradient": Mutant(
        {
            "read": """
            if not training:
                return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
            return sample(logits, torch.rand(logits.shape, generator=generator, dtype=logits.dtype), temperature)
            """
        },
        rejected_by="check_evaluation_is_quiet",
    ),
    "shares_the_noise_between_letters": Mutant(
        {
            "read": """
            if not training:
                soft = logits.softmax(-1)
                return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype) + (soft - soft.detach())
            return sample(logits, torch.rand(logits.shape[-1], generator=generator, dtype=logits.dtype), temperature)
            """
        },
        rejected_by="check_letters_are_independent",
    ),
    "ignores_the_generator": Mutant(
        {
            "read": """
            if not training:
                soft = logits.softmax(-1)
                return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype) + (soft - soft.detach())
            return sample(logits, torch.rand(logits.shape, dtype=logits.dtype), temperature)
            """
        },
        rejected_by="check_letters_are_independent",
    ),
    "thinks_that_the_law_changes": Mutant(
        {"changes": 'TEMPERATURE_CHANGES = "a"'}, rejected_by="check_what_the_temperature_changes"
    ),
    "takes_a_generator_for_training": Mutant(
        {
            "read": """
            if generator is not None:
                uniform = torch.rand(logits.shape, generator=generator, dtype=logits.dtype)
                return sample(logits, uniform, temperature)
            soft = logits.softmax(-1)
            return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype) + (soft - soft.detach())
            """
        },
        rejected_by="check_evaluation_is_quiet",
    ),
}
EQUAL = {
    "read: argument: detach  `logits` #3": "argmax gives a number of a class: no gradient goes through it anyway",
}
