"""Finetune a small encoder-decoder on short 'summaries' of very different lengths."""
import torch
import torch.nn as nn
from torch.nn import CrossEntropyLoss
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(4)
PAD, BOS, EOS = 0, 1, 2
VOCAB, DIM, SRC_LEN, TGT_MAX = 40, 48, 12, 30


def make_pairs(n):
    pairs = []
    for _ in range(n):
        src = torch.randint(3, VOCAB, (SRC_LEN,))
        length = 25 if torch.rand(()) < 0.05 else int(torch.randint(2, 5, ()))
        picks = src.repeat(3)[:length]
        pairs.append((src, torch.cat([picks, torch.tensor([EOS])])))
    return pairs


class Seq2SeqLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared = nn.Embedding(VOCAB, DIM, padding_idx=PAD)
        self.pos = nn.Embedding(64, DIM)
        self.core = nn.Transformer(DIM, 4, 1, 2, 96, dropout=0.0, batch_first=True, norm_first=True)
        self.lm_head = nn.Linear(DIM, VOCAB)

    def embed(self, ids):
        return self.shared(ids) + self.pos(torch.arange(ids.size(1)))

    def forward(self, input_ids, decoder_input_ids, labels=None):
        t = decoder_input_ids.size(1)
        causal = torch.triu(torch.ones(t, t, dtype=torch.bool), diagonal=1)
        hidden = self.core(
            self.embed(input_ids), self.embed(decoder_input_ids), tgt_mask=causal,
            tgt_key_padding_mask=decoder_input_ids.eq(PAD))
        logits = self.lm_head(hidden)
        loss = None
        if labels is not None:
            loss_fct = CrossEntropyLoss()
            loss = loss_fct(logits.view(-1, VOCAB), labels.view(-1))
        return loss, logits


def encode_batch(pairs):
    input_ids = torch.stack([s for s, _ in pairs])
    targets = pad_sequence([t for _, t in pairs], batch_first=True, padding_value=PAD)
    bos = torch.full((len(pairs), 1), BOS)
    decoder_input_ids = torch.cat([bos, targets[:, :-1]], dim=1)
    labels = targets.clone()
    return {"input_ids": input_ids, "decoder_input_ids": decoder_input_ids, "labels": labels}


pairs = make_pairs(640)
model = Seq2SeqLM()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

for epoch in range(8):
    model.train()
    order = torch.randperm(len(pairs)).tolist()
    total, steps = 0.0, 0
    for i in range(0, len(order), 32):
        batch = encode_batch([pairs[j] for j in order[i:i + 32]])
        loss, _ = model(**batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, steps = total + loss.item(), steps + 1

    model.eval()
    with torch.no_grad():
        batch = encode_batch(pairs[:128])
        _, logits = model(**batch)
        words = batch["decoder_input_ids"].ne(PAD)
        hit = (logits.argmax(-1) == batch["labels"])[words].float().mean().item()
    print(f"epoch {epoch} loss {total / steps:.4f} word accuracy {hit:.3f}")
