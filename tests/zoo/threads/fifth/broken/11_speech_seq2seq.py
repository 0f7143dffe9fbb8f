from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class AsrConfig:
    vocab: int = 24
    n_mels: int = 16
    dim: int = 48
    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    max_len: int = 8


def shift_tokens_right(labels, pad_id, start_id):
    shifted = labels.new_full(labels.shape, start_id)
    shifted[:, 1:] = labels[:, :-1]
    return shifted.masked_fill(shifted == -100, pad_id)


def for_causal_lm_loss(logits, labels, vocab_size, ignore_index=-100):
    labels = F.pad(labels, (0, 1), value=ignore_index)
    shift_labels = labels[..., 1:].contiguous()
    return F.cross_entropy(logits.view(-1, vocab_size).float(), shift_labels.view(-1), ignore_index=ignore_index)


class AsrForConditionalGeneration(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.frontend = nn.Conv1d(cfg.n_mels, cfg.dim, 3, stride=2, padding=1)
        self.enc_pos = nn.Parameter(torch.randn(1, 64, cfg.dim) * 0.02)
        self.dec_pos = nn.Parameter(torch.randn(1, 32, cfg.dim) * 0.02)
        self.embed = nn.Embedding(cfg.vocab, cfg.dim)
        layer = dict(d_model=cfg.dim, nhead=4, dim_feedforward=96, batch_first=True, dropout=0.0)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**layer), 1)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**layer), 1)
        self.proj_out = nn.Linear(cfg.dim, cfg.vocab)
        self.loss_function = for_causal_lm_loss

    def encode(self, feats):
        x = F.gelu(self.frontend(feats)).transpose(1, 2)
        return self.encoder(x + self.enc_pos[:, :x.size(1)])

    def decode(self, ids, memory):
        x = self.embed(ids) + self.dec_pos[:, :ids.size(1)]
        mask = nn.Transformer.generate_square_subsequent_mask(ids.size(1))
        return self.proj_out(self.decoder(x, memory, tgt_mask=mask))

    def forward(self, feats, labels=None, decoder_input_ids=None):
        if labels is not None and decoder_input_ids is None:
            decoder_input_ids = shift_tokens_right(labels, self.cfg.pad_id, self.cfg.bos_id)
        logits = self.decode(decoder_input_ids, self.encode(feats))
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.cfg.vocab)
        return loss, logits

    @torch.no_grad()
    def generate(self, feats, max_new=9):
        mem = self.encode(feats)
        ids = torch.full((feats.size(0), 1), self.cfg.bos_id)
        for _ in range(max_new):
            ids = torch.cat([ids, self.decode(ids, mem)[:, -1:].argmax(-1)], 1)
        return ids[:, 1:]


def make_batch(cfg, n, codebook):
    lens = torch.randint(4, cfg.max_len + 1, (n,))
    tok = torch.randint(3, cfg.vocab, (n, cfg.max_len))
    feats = codebook[tok].repeat_interleave(4, dim=1)
    feats = feats + 0.1 * torch.randn_like(feats)
    labels = torch.full((n, cfg.max_len + 1), -100)
    for i, l in enumerate(lens.tolist()):
        labels[i, :l], labels[i, l] = tok[i, :l], cfg.eos_id
        feats[i, l * 4:] = 0.0
    return feats.transpose(1, 2), labels


def main():
    torch.manual_seed(0)
    cfg = AsrConfig()
    codebook = torch.randn(cfg.vocab, cfg.n_mels)
    model = AsrForConditionalGeneration(cfg)
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(226):
        feats, labels = make_batch(cfg, 32, codebook)
        loss, _ = model(feats, labels=labels)
        opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        if step % 75 == 0:
            hyp, keep = model.generate(feats), labels != -100
            print(f"step {step:3d} loss {loss.item():.3f} token acc {(hyp == labels)[keep].float().mean():.3f}")
    print("ref", labels[0].tolist())
    print("hyp", hyp[0].tolist())


if __name__ == "__main__":
    main()
