import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(13)


class NERModel(nn.Module):
    def __init__(self, vocab=60, n_tags=4, dim=24):
        super().__init__()
        self.text_emb = nn.Embedding(vocab, dim)
        self.text_rnn = nn.GRU(dim, dim, batch_first=True)
        self.visual_proj = nn.Linear(10, dim)
        self.fc = nn.Linear(dim, n_tags)
        self.crf = nn.Parameter(torch.randn(n_tags, n_tags) * 0.1)

    def neg_log_likelihood(self, ids, img, tags):
        x = self.text_emb(ids) + torch.tanh(self.visual_proj(img)).unsqueeze(1)
        emit = self.fc(self.text_rnn(x)[0])
        score = emit.gather(2, tags.unsqueeze(2)).squeeze(2).sum(1) + self.crf[tags[:, :-1], tags[:, 1:]].sum(1)
        alpha = emit[:, 0]
        for t in range(1, emit.size(1)):
            alpha = torch.logsumexp(alpha.unsqueeze(2) + self.crf.unsqueeze(0), dim=1) + emit[:, t]
        return (torch.logsumexp(alpha, dim=1) - score).mean()


def build_optimizer(model, lr=3e-3):
    parameters = []
    params = {"lr": lr, "weight_decay": 1e-2}
    params["params"] = []
    for name, param in model.named_parameters():
        if "text" in name:
            params["params"].append(param)
    parameters.append(params)

    params = {"lr": lr, "weight_decay": 1e-2}
    params["params"] = []
    for name, param in model.named_parameters():
        if "visual" in name:
            params["params"].append(param)
    parameters.append(params)

    params = {"lr": 5e-2, "weight_decay": 1e-2}
    params["params"] = []
    for name, param in model.named_parameters():
        if "crf" in name or name.startswith("fc"):
            params["params"].append(param)
    return torch.optim.AdamW(parameters)


model = NERModel()
optimizer = build_optimizer(model)
ids = torch.randint(0, 60, (32, 9))
img = torch.randn(32, 10)
tags = ids % 4
for step in range(6):
    loss = model.neg_log_likelihood(ids, img, tags)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} loss {loss.item():.4f}")
