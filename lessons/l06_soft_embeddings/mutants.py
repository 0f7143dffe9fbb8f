"""Wrong answers to exercise 6 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "detaches_the_targets": Mutant(
        {"targets": "return -(targets.detach() * log_probs).sum(-1).mean()"}, rejected_by="check_gradient_of_the_loss"
    ),
    "takes_the_softmax_over_the_frames": Mutant(
        {"lookup": "return (logits / temperature).softmax(0) @ table"}, rejected_by="check_certain_letters"
    ),
    "multiplies_by_the_temperature": Mutant(
        {"lookup": "return (logits * temperature).softmax(-1) @ table"}, rejected_by="check_expectation"
    ),
    "ignores_the_temperature": Mutant({"lookup": "return logits.softmax(-1) @ table"}, rejected_by="check_expectation"),
    "detaches_the_probabilities": Mutant(
        {"lookup": "return (logits / temperature).softmax(-1).detach() @ table"},
        rejected_by="check_gradient_of_the_lookup",
    ),
    "multiplies_one_hot_by_its_probability": Mutant(
        {
            "lookup": """
            letters = (logits / temperature).softmax(-1)
            return letters.amax(-1, keepdim=True) * table[letters.argmax(-1)]
            """
        },
        rejected_by="check_expectation",
    ),
    "swaps_prediction_and_target": Mutant(
        {"targets": "return -(log_probs.exp() * (targets + 1e-12).log()).sum(-1).mean()"},
        rejected_by="check_soft_targets",
    ),
    "sums_over_places": Mutant({"targets": "return -(targets * log_probs).sum()"}, rejected_by="check_soft_targets"),
    "averages_over_classes": Mutant(
        {"targets": "return -(targets * log_probs).mean()"}, rejected_by="check_soft_targets"
    ),
    "predicts_the_letter_it_reads": Mutant(
        {
            "score": """
            letters = (logits / temperature).softmax(-1)
            vectors = soft_lookup(logits, language_model.embedding.weight.T, temperature)
            return soft_cross_entropy(language_model.predict(vectors), letters)
            """
        },
        rejected_by="check_score_of_certain_letters",
    ),
    "forgets_the_temperature_of_the_targets": Mutant(
        {
            "score": """
            vectors = soft_lookup(logits[:-1], language_model.embedding.weight.T, temperature)
            return soft_cross_entropy(language_model.predict(vectors), logits[1:].softmax(-1))
            """
        },
        rejected_by="check_gradient_of_the_score",
    ),
    "detaches_what_is_read": Mutant(
        {
            "score": """
            letters = (logits / temperature).softmax(-1)
            vectors = soft_lookup(logits[:-1], language_model.embedding.weight.T, temperature).detach()
            return soft_cross_entropy(language_model.predict(vectors), letters[1:])
            """
        },
        rejected_by="check_gradient_of_the_score",
    ),
    "detaches_what_is_predicted": Mutant(
        {
            "score": """
            letters = (logits / temperature).softmax(-1).detach()
            vectors = soft_lookup(logits[:-1], language_model.embedding.weight.T, temperature)
            return soft_cross_entropy(language_model.predict(vectors), letters[1:])
            """
        },
        rejected_by="check_gradient_of_the_score",
    ),
    "takes_cold_for_true": Mutant({"cold": 'COLD_GIVES = "a"'}, rejected_by="check_what_cold_gives"),
}
