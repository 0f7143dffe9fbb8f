"""Right answers to exercise 7, written another way than the solution: the checks must accept them."""

ANSWERS = [
    {
        "segments": """
            result, last, place = [], 0, -1
            for one in path.tolist():
                if one != 0 and one != last:
                    place += 1
                result.append(place if one != 0 else -1)
                last = one
            return torch.tensor(result, dtype=torch.long)
            """,
        "letters": """
            place = segments(logits.argmax(-1))
            posteriors = logits[:, 1:].softmax(-1)
            found = [posteriors[place == letter].mean(0) for letter in range(int(place.max()) + 1)]
            return torch.stack(found) if found else posteriors[:0]
            """,
        "stages": """
            names = []
            for name, stage in stages:
                leaf = value.detach().clone().requires_grad_(True)
                out = stage(leaf)
                alive = False
                if out.requires_grad:
                    for entry in out.flatten():
                        found = torch.autograd.grad(entry, leaf, retain_graph=True, allow_unused=True)[0]
                        alive = alive or (found is not None and bool((found != 0).any()))
                if not alive:
                    names.append(name)
                value = out
            return names
            """,
    },
    {
        "segments": """
            before = torch.cat([path.new_zeros(1), path[:-1]])
            starts = (path != before) & (path != 0)
            places = torch.cumsum(starts.long(), 0) - 1
            return places.masked_fill(path == 0, -1)
            """,
        "letters": """
            place = segments(logits.detach().argmax(1))
            count = int(place.max()) + 1
            member = (place[None] == torch.arange(count)[:, None]).to(logits.dtype)
            letters = logits[:, 1:]
            shares = (letters - letters.logsumexp(-1, keepdim=True)).exp()
            return member @ shares / member.sum(1, keepdim=True)
            """,
        "stages": """
            cutting = []
            here = value.detach()
            for name, stage in stages:
                leaf = here.clone().requires_grad_()
                out = stage(leaf)
                here = out.detach()
                if not out.requires_grad:
                    cutting.append(name)
                    continue
                seed = torch.arange(1.0, out.numel() + 1, dtype=out.dtype).reshape(out.shape)
                found = torch.autograd.grad(out, leaf, seed, allow_unused=True)[0]
                if found is None or not found.any():
                    cutting.append(name)
            return cutting
            """,
    },
]
