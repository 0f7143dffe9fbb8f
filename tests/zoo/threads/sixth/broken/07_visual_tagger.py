"""Image-guided sequence tagging with a CRF output layer and grouped learning rates."""
import torch
import torch.nn as nn

torch.manual_seed(6)
VOCAB, TAGS, DIM, T = 30, 5, 32, 10


class CRF(nn.Module):
    def __init__(self, num_tags):
        super().__init__()
        self.start = nn.Parameter(0.1 * torch.randn(num_tags))
        self.trans = nn.Parameter(0.1 * torch.randn(num_tags, num_tags))

    def nll(self, emissions, tags):
        b, steps, _ = emissions.shape
        rows = torch.arange(b)
        score = self.start[tags[:, 0]] + emissions[rows, 0, tags[:, 0]]
        alpha = self.start + emissions[:, 0]
        for t in range(1, steps):
            score = score + self.trans[tags[:, t - 1], tags[:, t]] + emissions[rows, t, tags[:, t]]
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.trans, dim=1) + emissions[:, t]
        return (torch.logsumexp(alpha, dim=1) - score).mean()

    @torch.no_grad()
    def decode(self, emissions):
        alpha, back = self.start + emissions[:, 0], []
        for t in range(1, emissions.shape[1]):
            best, idx = (alpha.unsqueeze(2) + self.trans).max(dim=1)
            back.append(idx)
            alpha = best + emissions[:, t]
        path = [alpha.argmax(1)]
        for idx in reversed(back):
            path.append(idx.gather(1, path[-1].unsqueeze(1)).squeeze(1))
        return torch.stack(path[::-1], dim=1)


class VisualTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.text_embed = nn.Embedding(VOCAB, DIM)
        self.text_rnn = nn.GRU(DIM, DIM // 2, batch_first=True, bidirectional=True)
        self.image_model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(72, DIM))
        self.encoder_conv = nn.Linear(DIM, DIM)
        self.fc = nn.Linear(DIM, TAGS)
        self.crf = CRF(TAGS)

    def emissions(self, tokens, images):
        prompt = self.encoder_conv(torch.relu(self.image_model(images)))
        h, _ = self.text_rnn(self.text_embed(tokens) + prompt.unsqueeze(1))
        return self.fc(h)

    def forward(self, tokens, images, tags):
        return self.crf.nll(self.emissions(tokens, images), tags)


def build_optimizer(model, lr=1e-3):
    parameters = []

    params = {"lr": lr, "weight_decay": 1e-2, "params": []}
    for name, param in model.named_parameters():
        if "text" in name:
            params["params"].append(param)
    parameters.append(params)

    params = {"lr": lr, "weight_decay": 1e-2, "params": []}
    for name, param in model.named_parameters():
        if "encoder_conv" in name or name.startswith("image_model"):
            params["params"].append(param)
    parameters.append(params)

    params = {"lr": 5e-2, "weight_decay": 1e-2, "params": []}
    for name, param in model.named_parameters():
        if name.startswith("crf") or name.startswith("fc"):
            params["params"].append(param)

    return torch.optim.AdamW(parameters)


def make_data(n):
    tokens = torch.randint(0, VOCAB, (n, T))
    images = 0.3 * torch.randn(n, 3, 8, 8)
    flag = torch.randint(0, 2, (n,))
    images[:, 0] += flag[:, None, None].float()
    shifted = torch.roll(tokens, 1, dims=1)
    shifted[:, 0] = 0
    tags = (tokens // 6 + flag[:, None] + (shifted % 2)) % TAGS
    return tokens, images, tags


def main():
    tokens, images, tags = make_data(640)
    model = VisualTagger()
    optimizer = build_optimizer(model)
    for epoch in range(10):
        total = 0.0
        for idx in torch.randperm(512).split(32):
            loss = model(tokens[idx], images[idx], tags[idx])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / 16
        pred = model.crf.decode(model.emissions(tokens[512:], images[512:]))
        print(f"epoch {epoch} nll {total:.4f} dev accuracy {(pred == tags[512:]).float().mean():.4f}")


if __name__ == "__main__":
    main()
