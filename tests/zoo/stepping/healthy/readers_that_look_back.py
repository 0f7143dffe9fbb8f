# Next tokens with causal masks of four kinds, and the same tokens to be filled in, or tagged, with a look around.
import torch
from torch import nn

F = nn.functional
LENGTH, WIDTH = 7, 8
embed, read = nn.Embedding(10, WIDTH), nn.Linear(WIDTH, 10)
attend, gru = nn.MultiheadAttention(WIDTH, 2, batch_first=True), nn.GRU(WIDTH, WIDTH, batch_first=True)
layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=True)
decoder = nn.TransformerDecoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=True)
model = nn.ModuleList([embed, read, attend, gru, layer, decoder])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
later = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)


def backwards_only(tokens):
    x = embed(tokens)
    square = nn.Transformer.generate_square_subsequent_mask(LENGTH)
    yield attend(x, x, x, attn_mask=later, need_weights=False)[0]
    yield F.scaled_dot_product_attention(x, x, x, is_causal=True)
    yield (x @ x.transpose(1, 2)).masked_fill(later, float("-inf")).softmax(-1) @ x
    yield gru(x)[0]
    yield layer(x, src_mask=square, is_causal=True)
    yield decoder(x, embed(tokens.flip(0)), tgt_mask=square)


for _ in range(2):
    text = torch.randint(0, 10, (4, LENGTH + 1))
    tokens, following = text[:, :-1], text[:, 1:]
    loss = sum(F.cross_entropy(read(x).flatten(0, 1), following.flatten()) for x in backwards_only(tokens))
    hidden = tokens.masked_fill(torch.rand(tokens.shape) < 0.3, 0)
    around = layer(embed(hidden))
    loss = loss + F.cross_entropy(read(around).flatten(0, 1), tokens.flatten())
    optimizer.zero_grad()
    (loss + F.cross_entropy(read(around).flatten(0, 1), (tokens % 3).flatten())).backward()
    optimizer.step()
