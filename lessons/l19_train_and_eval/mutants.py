"""Wrong answers to exercise 19 that people really give."""

from gradcheck_lm.course.mutants import Mutant

MUTANTS = {
    "goes_back_to_train": Mutant(
        {
            "evaluate": """
            model.eval()
            try:
                with torch.no_grad():
                    return float(measure(model(inputs)))
            finally:
                model.train()
            """
        },
        rejected_by="check_evaluation",
    ),
    "forgets_errors": Mutant(
        {
            "evaluate": """
            modes = [(part, part.training) for part in model.modules()]
            model.eval()
            with torch.no_grad():
                value = float(measure(model(inputs)))
            for part, training in modes:
                part.training = training
            return value
            """
        },
        rejected_by="check_modes_are_put_back",
    ),
    "switches_gradients_alone": Mutant(
        {
            "evaluate": """
            with torch.no_grad():
                return float(measure(model(inputs)))
            """
        },
        rejected_by="check_evaluation",
    ),
    "keeps_the_graph": Mutant(
        {
            "evaluate": """
            modes = [(part, part.training) for part in model.modules()]
            model.eval()
            try:
                return float(measure(model(inputs)).detach())
            finally:
                for part, training in modes:
                    part.training = training
            """
        },
        rejected_by="check_evaluation",
    ),
    "wakes_what_is_frozen": Mutant(
        {
            "step": """
            for part in frozen:
                part.eval()
            model.train()
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            return loss.item()
            """
        },
        rejected_by="check_step",
    ),
    "adds_to_old_gradients": Mutant(
        {
            "step": """
            model.train()
            for part in frozen:
                part.eval()
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            return loss.item()
            """
        },
        rejected_by="check_step",
    ),
    "asks_in_whatever_mode": Mutant(
        {
            "wavers": """
            with torch.no_grad():
                return not torch.equal(model(inputs), model(inputs))
            """
        },
        rejected_by="check_wavers",
    ),
    "looks_for_dropout_by_name": Mutant(
        {"wavers": "return any(isinstance(part, nn.Dropout) for part in model.modules())"}, rejected_by="check_wavers"
    ),
    "drops_always": Mutant({"block": "return F.dropout(self.layer(x), self.rate)"}, rejected_by="check_block"),
    "never_drops": Mutant(
        {"block": "return F.dropout(self.layer(x), self.rate, training=False)"}, rejected_by="check_block"
    ),
    "ignores_the_rate": Mutant(
        {"block": "return F.dropout(self.layer(x), training=self.training)"}, rejected_by="check_block"
    ),
}
EQUAL = {
    "step: argument model in its place  `optimizer`": "clearing all of the model's gradients is as good",
    "step: side effect: grad": "what .grad holds after the step is not asked",
    "step: side effect: random": "dropout draws random numbers",
    "wavers: number  `2` #4": "three calls are as good as two",
    "wavers: argument: negate  `inputs`": "the model wavers for any input of that length",
    "wavers: argument: axis_0  `inputs`": "the model wavers for any input of that length",
    "wavers: both: absolute  `torch.equal(outputs[0], outputs[1])`": "the outputs that waver are positive",
    "wavers: number  `1` #2": "the last of two is the second",
    "wavers: side effect: random": "a model that wavers draws random numbers",
    "wavers: both: length  `torch.equal(outputs[0], outputs[1])`": "the lengths of outputs that waver differ too",
}
