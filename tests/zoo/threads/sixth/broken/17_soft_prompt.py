"""Prompt tuning: learn a handful of continuous prompt vectors for a frozen language model."""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(1)
VOCAB, DIM, SEQ, N_PROMPT = 50, 48, 10, 8
YES, NO = 3, 4


class TinyLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, DIM)
        self.wpe = nn.Embedding(SEQ + N_PROMPT, DIM)
        layer = nn.TransformerEncoderLayer(DIM, 4, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.h = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.ln_f = nn.LayerNorm(DIM)
        self.lm_head = nn.Linear(DIM, VOCAB, bias=False)

    def get_input_embeddings(self):
        return self.wte

    def set_input_embeddings(self, module):
        self.wte = module

    def forward(self, ids):
        x = self.wte(ids)
        t = x.size(1)
        x = x + self.wpe(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.lm_head(self.ln_f(self.h(x, mask=mask, is_causal=True)))


class SoftEmbedding(nn.Module):
    """Puts n_tokens learned vectors in front of the ordinary token embeddings."""

    def __init__(self, wte, n_tokens, from_vocab=True):
        super().__init__()
        self.wte = wte
        self.n_tokens = n_tokens
        if from_vocab:
            init = wte.weight[:n_tokens].clone().detach()
        else:
            init = torch.empty(n_tokens, wte.embedding_dim).uniform_(-0.5, 0.5)
        self.learned_embedding = nn.Parameter(init)

    def forward(self, ids):
        words = self.wte(ids)
        prompt = self.learned_embedding.unsqueeze(0).expand(ids.size(0), -1, -1)
        return torch.cat([prompt, words], dim=1)


def reviews(n):
    ids = torch.randint(10, VOCAB, (n, SEQ))
    label = torch.randint(0, 2, (n,))
    ids[:, -1] = torch.where(label == 1, 7, 8)
    return ids, torch.where(label == 1, YES, NO)


def load_pretrained():
    torch.manual_seed(5)
    return TinyLM()


model = load_pretrained()
for p in model.parameters():
    p.requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-2)

soft = SoftEmbedding(model.get_input_embeddings(), N_PROMPT)
model.set_input_embeddings(soft)

ids, verbalizer = reviews(512)
start = soft.learned_embedding.detach().clone()
for step in range(120):
    idx = torch.randint(0, len(ids), (32,))
    logits = model(ids[idx])[:, -1]
    loss = F.cross_entropy(logits, verbalizer[idx])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:3d} loss {loss.item():.4f}")

with torch.no_grad():
    acc = (model(ids)[:, -1].argmax(-1) == verbalizer).float().mean().item()
moved = (soft.learned_embedding - start).norm().item()
print(f"accuracy {acc:.3f}  prompt moved by {moved:.4f}")
