from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


class CharTokenizer:
    def __init__(self):
        chars = "0123456789+= "
        self.vocab = ["<bos>", "<eos>"] + list(chars)
        self.ids = {c: i for i, c in enumerate(self.vocab)}
        self.bos_token_id, self.eos_token_id, self.pad_token_id = 0, 1, None

    def encode(self, text):
        return [self.ids[c] for c in text]

    def decode(self, ids):
        return "".join(self.vocab[i] for i in ids)


@dataclass
class CompletionCollator:
    tokenizer: CharTokenizer
    response_template: str = "="

    def __call__(self, examples):
        tok = self.tokenizer
        width = max(len(e) for e in examples)
        input_ids = torch.full((len(examples), width), tok.pad_token_id)
        attention_mask = torch.zeros(len(examples), width, dtype=torch.bool)
        for i, e in enumerate(examples):
            input_ids[i, :len(e)] = torch.tensor(e)
            attention_mask[i, :len(e)] = True
        labels = input_ids.clone()
        labels[labels == tok.pad_token_id] = -100
        key = tok.ids[self.response_template]
        for i in range(len(examples)):
            start = (input_ids[i] == key).nonzero()[0].item()
            labels[i, :start + 1] = -100
        return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}


class CausalLM(nn.Module):
    def __init__(self, vocab, dim=64):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.pos = nn.Embedding(40, dim)
        layer = nn.TransformerEncoderLayer(dim, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.lm_head = nn.Linear(dim, vocab)

    def forward(self, input_ids, attention_mask=None, labels=None):
        t = input_ids.size(1)
        x = self.emb(input_ids) + self.pos(torch.arange(t))
        causal = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
        pad = None if attention_mask is None else ~attention_mask
        logits = self.lm_head(self.blocks(x, mask=causal, src_key_padding_mask=pad))
        if labels is None:
            return logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)


def build_dataset(tok, n, gen):
    rows = []
    for _ in range(n):
        a = torch.randint(0, 10, (int(torch.randint(1, 5, (1,), generator=gen)),), generator=gen).tolist()
        text = "".join(map(str, a)) + "=" + "".join(str((d + 1) % 10) for d in a)
        rows.append([tok.bos_token_id] + tok.encode(text) + [tok.eos_token_id])
    return rows


@torch.no_grad()
def generate(model, tok, prompt, max_new_tokens=16):
    ids = torch.tensor([[tok.bos_token_id] + tok.encode(prompt)])
    for _ in range(max_new_tokens):
        nxt = model(ids)[0, -1].argmax().view(1, 1)
        ids = torch.cat([ids, nxt], 1)
        if nxt.item() == tok.eos_token_id:
            break
    return tok.decode(ids[0, 1:].tolist())


def main():
    torch.manual_seed(0)
    gen = torch.Generator().manual_seed(1)
    tok = CharTokenizer()
    tok.pad_token_id = tok.eos_token_id
    rows = build_dataset(tok, 512, gen)
    collate = CompletionCollator(tok)
    loader = torch.utils.data.DataLoader(rows, batch_size=32, shuffle=True, collate_fn=collate)
    model = CausalLM(len(tok.vocab))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for epoch in range(9):
        for batch in loader:
            loss = model(**batch)
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 4 == 0:
            print(f"epoch {epoch} loss {loss.item():.4f}", [generate(model, tok, p) for p in ("12=", "405=")])


if __name__ == "__main__":
    main()
