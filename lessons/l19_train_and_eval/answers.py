"""Right answers to exercise 19, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "evaluate": """
            training = {part: part.training for part in model.modules()}
            try:
                with torch.inference_mode():
                    return measure(model.eval()(inputs)).item()
            finally:
                for part in training:
                    part.training = training[part]
            """,
        "step": """
            for part in model.modules():
                part.training = True
            for part in frozen:
                for inner in part.modules():
                    inner.training = False
            for group in optimizer.param_groups:
                for one in group["params"]:
                    one.grad = None
            loss = loss_of(model)
            loss.backward()
            optimizer.step()
            return float(loss.detach())
            """,
        "wavers": """
            modes = [(part, part.training) for part in model.modules()]
            model.eval()
            with torch.no_grad():
                first, second = model(inputs), model(inputs)
            for part, mode in modes:
                part.training = mode
            return bool((first != second).any())
            """,
        "block": """
            out = self.layer(x)
            return F.dropout(out, self.rate) if self.training else out
            """,
    },
    {
        "evaluate": """
            from contextlib import ExitStack

            def put(part, mode):
                part.training = mode

            with ExitStack() as after, torch.no_grad():
                for part in model.modules():
                    after.callback(put, part, part.training)
                return float(measure(model.eval()(inputs)))
            """,
        "step": """
            model.train(True)
            for part in frozen:
                part.train(False)
            loss = loss_of(model)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss.detach().item()
            """,
        "wavers": """
            import copy

            twin = copy.deepcopy(model).eval()
            with torch.no_grad():
                return not twin(inputs).equal(twin(inputs))
            """,
        "block": "return nn.functional.dropout(self.layer(x), p=self.rate, training=self.training)",
    },
]
