import io

import torch
import torch.nn as nn
import torch.nn.functional as F


class MiniGPT(nn.Module):
    def __init__(self, vocab=40, d=24, n_layer=2, ctx=16):
        super().__init__()
        self.wte = nn.Embedding(vocab, d)
        self.wpe = nn.Embedding(ctx, d)
        self.h = nn.ModuleList(
            nn.TransformerEncoderLayer(d, 2, 48, dropout=0.0, batch_first=True, norm_first=True) for _ in range(n_layer))
        self.ln_f = nn.LayerNorm(d)
        self.lm_head = nn.Linear(d, vocab, bias=False)
        self.post_init()

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.data.zero_()

    def post_init(self):
        self.apply(self._init_weights)

    def resize_token_embeddings(self, new_vocab):
        old, old_head = self.wte.weight.data, self.lm_head.weight.data
        self.wte = nn.Embedding(new_vocab, old.size(1))
        self.lm_head = nn.Linear(old.size(1), new_vocab, bias=False)
        self.wte.weight.data[:old.size(0)] = old
        self.lm_head.weight.data[:old_head.size(0)] = old_head

    def forward(self, ids):
        T = ids.size(1)
        x = self.wte(ids) + self.wpe(torch.arange(T))
        mask = nn.Transformer.generate_square_subsequent_mask(T)
        for layer in self.h:
            x = layer(x, src_mask=mask, is_causal=True)
        return self.lm_head(self.ln_f(x))


def lm_step(model, opt, ids):
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


torch.manual_seed(0)
base = MiniGPT()
pre = torch.optim.AdamW(base.parameters(), lr=1e-2)
text = (torch.arange(13)[None] * 3 + torch.arange(8)[:, None]) % 40
for _ in range(15):
    last = lm_step(base, pre, text)
print("pretrained loss", last)
ckpt = io.BytesIO()
torch.save(base.state_dict(), ckpt)
ckpt.seek(0)

model = MiniGPT()
model.load_state_dict(torch.load(ckpt))
model.resize_token_embeddings(44)
model.post_init()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(4):
    print("finetune", step, lm_step(model, optimizer, text))
