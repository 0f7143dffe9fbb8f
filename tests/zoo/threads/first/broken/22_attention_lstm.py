import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, BOS, VOCAB = 0, 1, 30


class SoftDotAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.linear_in = nn.Linear(dim, dim, bias=False)
        self.linear_out = nn.Linear(dim * 2, dim, bias=False)

    def forward(self, h, context, ctx_mask=None):
        target = self.linear_in(h).unsqueeze(2)
        attn = torch.bmm(context, target).squeeze(2)
        attn = F.softmax(attn, dim=1)
        weighted = torch.bmm(attn.unsqueeze(1), context).squeeze(1)
        return torch.tanh(self.linear_out(torch.cat((weighted, h), 1))), attn


class Seq2SeqAttention(nn.Module):
    def __init__(self, emb=24, dim=32):
        super().__init__()
        self.src_emb = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.trg_emb = nn.Embedding(VOCAB, emb, padding_idx=PAD)
        self.encoder = nn.LSTM(emb, dim // 2, bidirectional=True, batch_first=True)
        self.cell = nn.LSTMCell(emb, dim)
        self.attention = SoftDotAttention(dim)
        self.decoder2vocab = nn.Linear(dim, VOCAB)

    def forward(self, src, trg, ctx_mask):
        ctx, (h, c) = self.encoder(self.src_emb(src))
        h, c = torch.cat((h[0], h[1]), 1), torch.cat((c[0], c[1]), 1)
        logits = []
        for t in range(trg.size(1)):
            h, c = self.cell(self.trg_emb(trg[:, t]), (h, c))
            out, _ = self.attention(h, ctx, ctx_mask)
            logits.append(self.decoder2vocab(out))
        return torch.stack(logits, 1)


def minibatch(b=16, max_len=12):
    lens = torch.randint(4, max_len + 1, (b,))
    src = torch.randint(2, VOCAB, (b, max_len))
    mask = (torch.arange(max_len)[None] < lens[:, None]).float()
    src = src * mask.long()
    trg = torch.cat([torch.full((b, 1), BOS), src.flip(1)[:, -4:]], 1)
    return src, mask, trg[:, :-1], trg[:, 1:]


torch.manual_seed(8)
model = Seq2SeqAttention()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for i in range(5):
    src, mask, inp, out = minibatch()
    logits = model(src, inp, mask)
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), out.reshape(-1), ignore_index=PAD)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    print("batch", i, "loss", loss.item())
