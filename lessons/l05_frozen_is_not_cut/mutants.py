"""Wrong answers to exercise 5 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "quietens_dropout_alone": Mutant(
        {
            "freeze": """
            language_model.requires_grad_(False)
            for part in language_model.modules():
                if isinstance(part, torch.nn.Dropout):
                    part.eval()
            """
        },
        rejected_by="check_buffers_stay",
    ),
    "has_the_wrong_sign": Mutant(
        {"penalty": "return -language_model(logits.softmax(-1))"}, rejected_by="check_gradient_goes_through"
    ),
    "freezes_by_evaluation_mode": Mutant({"freeze": "language_model.eval()"}, rejected_by="check_weights_stay"),
    "leaves_dropout_on": Mutant(
        {"freeze": "language_model.requires_grad_(False)"}, rejected_by="check_score_is_repeatable"
    ),
    "sets_the_flag_on_the_module": Mutant(
        {
            "freeze": """
            language_model.requires_grad = False
            language_model.eval()
            """
        },
        rejected_by="check_weights_stay",
    ),
    "freezes_the_last_layer_only": Mutant(
        {
            "freeze": """
            language_model.output.requires_grad_(False)
            language_model.eval()
            """
        },
        rejected_by="check_weights_stay",
    ),
    "switches_gradient_off": Mutant(
        {
            "penalty": """
            with torch.no_grad():
                return language_model(logits.softmax(-1))
            """
        },
        rejected_by="check_gradient_goes_through",
    ),
    "uses_inference_mode_and_a_copy": Mutant(
        {
            "penalty": """
            with torch.inference_mode():
                score = language_model(logits.softmax(-1))
            return score.clone().requires_grad_(True)
            """
        },
        rejected_by="check_gradient_goes_through",
    ),
    "detaches_the_input": Mutant(
        {"penalty": "return language_model(logits.detach().softmax(-1)) + logits.sum() * 0"},
        rejected_by="check_gradient_goes_through",
    ),
    "forgets_the_softmax": Mutant(
        {"penalty": "return language_model(logits)"}, rejected_by="check_gradient_goes_through"
    ),
    "thaws_the_model_again": Mutant(
        {
            "penalty": """
            language_model.requires_grad_(True)
            return language_model(logits.softmax(-1))
            """
        },
        rejected_by="check_gradient_goes_through",
    ),
    "takes_movement_for_learning": Mutant(
        {
            "movement": """
            with_loss = weights_after_a_step(loss_of)
            return max(float((with_loss[name] - start[name]).abs().max()) for name in start)
            """
        },
        rejected_by="check_decay_is_not_learning",
    ),
    "compares_a_step_with_itself": Mutant(
        {
            "movement": """
            with_loss, without = weights_after_a_step(None), weights_after_a_step(None)
            return max(float((with_loss[name] - without[name]).abs().max()) for name in start)
            """
        },
        rejected_by="check_learning_is_measured",
    ),
    "subtracts_the_two_distances": Mutant(
        {
            "movement": """
            with_loss, without = weights_after_a_step(loss_of), weights_after_a_step(None)
            moved = max(float((with_loss[name] - start[name]).abs().max()) for name in start)
            return moved - max(float((without[name] - start[name]).abs().max()) for name in start)
            """
        },
        rejected_by="check_learning_is_measured",
    ),
}

EQUAL = {"movement: side effect: grad": "the function is there to clear gradients: it says so"}
