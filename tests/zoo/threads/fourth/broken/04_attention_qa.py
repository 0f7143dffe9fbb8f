import torch
import torch.nn as nn

torch.manual_seed(1)


class Attention(nn.Module):
    """Luong style global attention, query [B, out_len, D], context [B, ctx_len, D]."""

    def __init__(self, dimensions, attention_type='general'):
        super().__init__()
        self.attention_type = attention_type
        if attention_type == 'general':
            self.linear_in = nn.Linear(dimensions, dimensions, bias=False)
        self.linear_out = nn.Linear(dimensions * 2, dimensions, bias=False)
        self.softmax = nn.Softmax(dim=0)
        self.tanh = nn.Tanh()

    def forward(self, query, context):
        batch_size, output_len, dimensions = query.size()
        query_len = context.size(1)
        if self.attention_type == 'general':
            query = self.linear_in(query.reshape(batch_size * output_len, dimensions))
            query = query.reshape(batch_size, output_len, dimensions)
        attention_scores = torch.bmm(query, context.transpose(1, 2).contiguous())
        attention_scores = attention_scores.view(batch_size * output_len, query_len)
        attention_weights = self.softmax(attention_scores)
        attention_weights = attention_weights.view(batch_size, output_len, query_len)
        mix = torch.bmm(attention_weights, context)
        combined = torch.cat((mix, query), dim=2).view(batch_size * output_len, 2 * dimensions)
        output = self.linear_out(combined).view(batch_size, output_len, dimensions)
        return self.tanh(output), attention_weights


class Lookup(nn.Module):
    def __init__(self, n_keys=8, n_vals=5, dim=24):
        super().__init__()
        self.key = nn.Embedding(n_keys, dim)
        self.val = nn.Embedding(n_vals, dim)
        self.attn = Attention(dim)
        self.out = nn.Linear(dim, n_vals)

    def forward(self, keys, vals, question):
        context = self.key(keys) + self.val(vals)
        h, w = self.attn(self.key(question).unsqueeze(1), context)
        return self.out(h.squeeze(1)), w


def sample():
    keys = torch.randperm(8)[:4].unsqueeze(0)
    vals = torch.randint(0, 5, (1, 4))
    pos = torch.randint(0, 4, (1,))
    return keys, vals, keys[0, pos], vals[0, pos]


model = Lookup()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
running = 0.0
for step in range(1, 1501):
    keys, vals, q, a = sample()
    optimizer.zero_grad()
    logits, w = model(keys, vals, q)
    loss = criterion(logits, a)
    loss.backward()
    optimizer.step()
    running += loss.item()
    if step % 300 == 0:
        print(step, 'loss %.4f' % (running / 300))
        running = 0.0
