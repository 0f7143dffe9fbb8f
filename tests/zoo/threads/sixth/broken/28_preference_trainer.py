"""Align a code-completion model to pairwise preferences."""
import copy
from dataclasses import dataclass
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(12)
VOCAB, DIM, PROMPT, ANSWER = 48, 40, 5, 6


@dataclass
class PreferenceConfig:
    learning_rate: float = 1e-3
    batch_size: int = 16
    max_steps: int = 80
    logging_steps: int = 10
    max_grad_norm: float = 1.0
    beta: float = 0.0
    label_smoothing: float = 0.0


class CodeLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, DIM)
        self.pos = nn.Embedding(PROMPT + ANSWER, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 80, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(DIM, VOCAB)

    def forward(self, ids):
        t = ids.size(1)
        x = self.embed(ids) + self.pos(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.head(self.blocks(x, mask=mask, is_causal=True))


class PreferenceTrainer:
    def __init__(self, model, config, data, ref_model=None):
        self.model, self.config, self.data = model, config, data
        self.ref_model = ref_model if ref_model is not None else copy.deepcopy(model)
        self.ref_model.eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate)

    def logps(self, model, prompt, answer):
        ids = torch.cat([prompt, answer], dim=1)
        logp = model(ids[:, :-1]).log_softmax(-1)
        picked = logp.gather(-1, ids[:, 1:].unsqueeze(-1)).squeeze(-1)
        return picked[:, prompt.size(1) - 1:].sum(-1)

    def preference_loss(self, pol_c, pol_r, ref_c, ref_r):
        logits = (pol_c - pol_r) - (ref_c - ref_r)
        beta, eps = self.config.beta, self.config.label_smoothing
        losses = -F.logsigmoid(beta * logits) * (1 - eps) - F.logsigmoid(-beta * logits) * eps
        chosen = beta * (pol_c - ref_c).detach()
        rejected = beta * (pol_r - ref_r).detach()
        return losses.mean(), chosen, rejected

    def compute_loss(self, batch):
        prompt, good, bad = batch
        pol_c, pol_r = (self.logps(self.model, prompt, a) for a in (good, bad))
        with torch.no_grad():
            ref_c, ref_r = (self.logps(self.ref_model, prompt, a) for a in (good, bad))
        return self.preference_loss(pol_c, pol_r, ref_c, ref_r)

    def train(self):
        self.model.train()
        for step in range(1, self.config.max_steps + 1):
            idx = torch.randint(0, len(self.data[0]), (self.config.batch_size,))
            loss, chosen, rejected = self.compute_loss([d[idx] for d in self.data])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
            self.optimizer.step()
            if step % self.config.logging_steps == 0:
                margin = (chosen - rejected).mean().item()
                print(f"step {step:3d} loss {loss.item():.4f} rewards/chosen {chosen.mean().item():.4f} "
                      f"rewards/margins {margin:.4f}")


def preference_data(n):
    prompt = torch.randint(0, VOCAB, (n, PROMPT))
    good = (prompt[:, :1] + torch.arange(ANSWER)) % VOCAB
    bad = torch.randint(0, VOCAB, (n, ANSWER))
    return prompt, good, bad


trainer = PreferenceTrainer(CodeLM(), PreferenceConfig(), preference_data(400))
trainer.train()
