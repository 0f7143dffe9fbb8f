"""Wrong answers to exercise 12 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "mends_the_first_cut_only": Mutant(
        {
            "nats": """
            with torch.no_grad():
                return judge(reading)
            """,
            "mean": "return torch.tensor([score.item() for score in scores], dtype=logits.dtype).mean()",
        },
        rejected_by="check_run_says_ok",
    ),
    "silences_the_error": Mutant(
        {"mean": "return torch.tensor([score.item() for score in scores], requires_grad=True).to(logits.dtype).mean()"},
        rejected_by="check_run_says_ok",
    ),
    "detaches_by_inference_mode": Mutant(
        {
            "nats": """
            with torch.inference_mode():
                score = judge(reading)
            return score.clone()
            """
        },
        rejected_by="check_run_says_ok",
    ),
    "normalises_over_frames": Mutant({"letters": "return logits[:, 0].softmax(0)"}, rejected_by="check_letters"),
    "hands_on_logarithms": Mutant({"letters": "return logits[:, 0].log_softmax(-1)"}, rejected_by="check_letters"),
    "sharpens": Mutant({"letters": "return (logits[:, 0] / 0.5).softmax(-1)"}, rejected_by="check_letters"),
    "thaws_the_judge": Mutant(
        {
            "nats": """
            judge.requires_grad_(True)
            return judge(reading)
            """
        },
        rejected_by="check_nats",
    ),
    "wakes_the_dropout": Mutant(
        {
            "nats": """
            judge.train()
            return judge(reading)
            """
        },
        rejected_by="check_nats",
    ),
    "thaws_what_is_healthy": Mutant({"judge": "return judge.eval()"}, rejected_by="check_nats"),
    "lets_it_learn_in_training_mode": Mutant({"judge": "return judge.requires_grad_(False)"}, rejected_by="check_nats"),
    "prints_tensors": Mutant({"progress": "return dict(terms)"}, rejected_by="check_what_is_healthy_stays"),
    "adds_instead_of_the_mean": Mutant({"mean": "return torch.stack(scores).sum()"}, rejected_by="check_penalty"),
    "takes_the_last_word_only": Mutant({"mean": "return scores[-1]"}, rejected_by="check_penalty"),
    "believes_requires_grad": Mutant(
        {"test": "assert sum(terms().values()).requires_grad"}, rejected_by="check_the_test_fails_on_a_dead_term"
    ),
    "believes_backward": Mutant(
        {
            "test": """
            sum(terms().values()).backward()
            assert all(parameter.grad is not None for parameter in model.parameters())
            """
        },
        rejected_by="check_the_test_fails_on_a_dead_term",
    ),
    "swallows_the_failure": Mutant(
        {
            "test": """
            try:
                gradient_flow(terms, model)
            except AssertionError as error:
                print(error)
            """
        },
        rejected_by="check_the_test_fails_on_a_dead_term",
    ),
    "expects_every_term_to_stand_alone": Mutant(
        {
            "test": """
            for name, term in terms().items():
                assert term.grad_fn is None, name
            """
        },
        rejected_by="check_the_test_passes_on_the_story",
    ),
}
EQUAL = {
    "letters: number  `0` #2": "there is one line: the last one is the first",
    "progress: argument: detach  `terms`": "numbers have no graph",
}
