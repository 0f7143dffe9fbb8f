import torch as th
import torch.nn.functional as F

th.manual_seed(22)


class config:
    VOCAB = 50
    WORD_VEC_SIZE = 16
    SENT_LEN = 12
    FILTERS = 8
    KERNELS = (3, 4, 5)
    BATCH = 32
    LR = 5e-3


class Net(th.nn.Module):
    """Kim-style sentence classifier"""

    def __init__(self, n_classes=3):
        super(Net, self).__init__()
        self.embed = th.nn.Embedding(config.VOCAB, config.WORD_VEC_SIZE)
        self.conv1d = [th.nn.Conv1d(config.WORD_VEC_SIZE, config.FILTERS, k) for k in config.KERNELS]
        self.dropout = th.nn.Dropout(0.2)
        self.fc = th.nn.Linear(config.FILTERS * len(config.KERNELS), n_classes)

    def forward(self, tokens):
        x = self.embed(tokens).transpose(1, 2)
        pooled = []
        for conv in self.conv1d:
            h = F.relu(conv(x))
            pooled.append(F.max_pool1d(h, h.size(-1)).squeeze(-1))
        return self.fc(self.dropout(th.cat(pooled, dim=1)))


def sentences(n=config.BATCH):
    tok = th.randint(3, config.VOCAB, (n, config.SENT_LEN))
    y = th.randint(0, 3, (n,))
    pos = th.randint(0, config.SENT_LEN - 1, (n,))
    rows = th.arange(n)
    tok[rows, pos] = y
    tok[rows, pos + 1] = (y + 1) % 3
    return tok, y


def accuracy(net, batches=4):
    net.eval()
    with th.no_grad():
        hits = [(net(t).argmax(1) == y).float().mean().item() for t, y in (sentences() for _ in range(batches))]
    net.train()
    return sum(hits) / len(hits)


net = Net()
optimizer = th.optim.Adam(net.parameters(), lr=config.LR)
best = 0.0
for step in range(1, 41):
    tok, y = sentences()
    loss = F.cross_entropy(net(tok), y)
    optimizer.zero_grad()
    loss.backward()
    th.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
    optimizer.step()
    if step % 10 == 0:
        acc = accuracy(net)
        best = max(best, acc)
        print("step %d loss %.4f acc %.3f" % (step, loss.item(), acc))
print("best", round(best, 3))
