"""Right answers to exercise 21, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "inside": """
            found, handles = {}, []

            def put_hook(name):
                def at_output(part, given, out):
                    handles.append(out.register_hook(lambda gradient: found.__setitem__(name, gradient.clone())))

                handles.append(model.get_submodule(name).register_forward_hook(at_output))

            try:
                for name in names:
                    put_hook(name)
                loss = loss_of(model)
                torch.autograd.grad(loss, [one for one in model.parameters() if one.requires_grad], allow_unused=True)
            finally:
                for handle in handles:
                    handle.remove()
            return {name: found[name] for name in names}
            """,
        "factor": """
            class Times(torch.autograd.Function):
                @staticmethod
                def forward(ctx, value):
                    return value.clone()

                @staticmethod
                def backward(ctx, gradient):
                    return factor * gradient

            return Times.apply(x)
            """,
        "backward": """
            x, *parameters = ctx.saved_tensors
            state = torch.get_rng_state()
            torch.set_rng_state(ctx.random_state)
            leaf = x.detach().requires_grad_(True)
            with torch.enable_grad():
                loss = (ctx.function(leaf) * gradient).sum()
            torch.set_rng_state(state)
            grads = torch.autograd.grad(loss, (leaf, *parameters))
            return (None, *grads)
            """,
    },
    {
        "inside": """
            from contextlib import ExitStack

            outputs = {}
            with ExitStack() as after:
                for name, part in model.named_modules():
                    if name in names:
                        def keep(part, given, out, name=name):
                            outputs[name] = out

                        after.callback(part.register_forward_hook(keep).remove)
                loss = loss_of(model)
            return {name: torch.autograd.grad(loss, outputs[name], retain_graph=True)[0] for name in names}
            """,
        "factor": """
            if not x.requires_grad:
                return x
            out = x.clone()
            out.register_hook(lambda gradient: factor * gradient)
            return out
            """,
        "backward": """
            x, *parameters = ctx.saved_tensors
            with torch.random.fork_rng(devices=()):
                torch.random.set_rng_state(ctx.random_state)
                with torch.set_grad_enabled(True):
                    leaf = x.clone().detach().requires_grad_()
                    out = ctx.function(leaf)
                grads = [torch.autograd.grad(out, one, gradient, retain_graph=True)[0] for one in (leaf, *parameters)]
            return tuple([None, *grads])
            """,
    },
]
