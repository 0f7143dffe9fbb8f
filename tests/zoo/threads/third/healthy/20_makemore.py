# bigram-to-mlp character model written from raw tensors, manual update
import torch
import torch.nn.functional as F

words = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "charlotte", "amelia", "harper", "evelyn", "noah",
         "liam", "mason", "jacob", "william", "ethan", "james", "lucas", "aiden", "elijah"]
chars = ["."] + sorted(set("".join(words)))
stoi = {c: i for i, c in enumerate(chars)}
itos = {i: c for c, i in stoi.items()}
block = 3

X, Y = [], []
for w in words:
    ctx = [0] * block
    for ch in w + ".":
        X.append(ctx)
        Y.append(stoi[ch])
        ctx = ctx[1:] + [stoi[ch]]
X, Y = torch.tensor(X), torch.tensor(Y)

g = torch.Generator().manual_seed(2147483647)
n, emb, hid = len(chars), 6, 40
C = torch.randn((n, emb), generator=g)
W1 = torch.randn((block * emb, hid), generator=g) * (5 / 3) / (block * emb) ** 0.5
b1 = torch.randn(hid, generator=g) * 0.01
W2 = torch.randn((hid, n), generator=g) * 0.01
b2 = torch.zeros(n)
gain = torch.ones((1, hid))
bias = torch.zeros((1, hid))
parameters = [C, W1, b1, W2, b2, gain, bias]
for p in parameters:
    p.requires_grad = True
print("parameters", sum(p.nelement() for p in parameters))

for k in range(60):
    ix = torch.randint(0, len(X), (32,), generator=g)
    h = C[X[ix]].view(-1, block * emb) @ W1 + b1
    h = (h - h.mean(1, keepdim=True)) / (h.std(1, keepdim=True) + 1e-5)
    h = torch.tanh(gain * h + bias)
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    lr = 0.3 if k < 40 else 0.05
    for p in parameters:
        p.data += -lr * p.grad
    if k % 15 == 0:
        print(f"{k:3d} loss {loss.item():.4f}")

ctx, out = [0] * block, ""
with torch.no_grad():
    for _ in range(8):
        h = C[torch.tensor([ctx])].view(1, -1) @ W1 + b1
        h = torch.tanh(gain * (h - h.mean(1, keepdim=True)) / (h.std(1, keepdim=True) + 1e-5) + bias)
        i = torch.multinomial(F.softmax(h @ W2 + b2, 1), 1, generator=g).item()
        ctx, out = ctx[1:] + [i], out + itos[i]
print("sample", out)
