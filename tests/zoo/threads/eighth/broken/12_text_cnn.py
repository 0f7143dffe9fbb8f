from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

args = SimpleNamespace(
    lr=3e-3,
    epochs=10,
    batch_size=64,
    embed_num=400,
    embed_dim=6,
    kernel_num=8,
    kernel_sizes=(2, 3),
    class_num=4,
    dropout=0.2,
    static=True,
    seed=11,
)
torch.manual_seed(args.seed)

topic_of_word = torch.randint(0, args.class_num + 4, (args.embed_num,))


def make_corpus(n, length=16):
    text = torch.randint(0, args.embed_num, (n, length))
    votes = torch.stack([(topic_of_word[text] == c).sum(1) for c in range(args.class_num)], dim=1)
    return text, (votes.float() + 0.01 * torch.rand(n, args.class_num)).argmax(1)


class CNNText(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.embed = nn.Embedding(args.embed_num, args.embed_dim)
        self.convs = nn.ModuleList(
            [nn.Conv1d(args.embed_dim, args.kernel_num, k) for k in args.kernel_sizes]
        )
        self.dropout = nn.Dropout(args.dropout)
        self.fc = nn.Linear(len(args.kernel_sizes) * args.kernel_num, args.class_num)
        if args.static:
            self.embed.weight.requires_grad = False

    def forward(self, text):
        x = self.embed(text).transpose(1, 2)
        pooled = [F.relu(conv(x)).mean(dim=2) for conv in self.convs]
        return self.fc(self.dropout(torch.cat(pooled, dim=1)))


def evaluate(model, text, label):
    model.eval()
    with torch.no_grad():
        logits = model(text)
    model.train()
    return F.cross_entropy(logits, label).item(), (logits.argmax(1) == label).float().mean().item()


train_text, train_label = make_corpus(6000)
dev_text, dev_label = make_corpus(1000)
model = CNNText(args)
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=args.lr)

before = model.embed.weight.detach().clone()
for epoch in range(1, args.epochs + 1):
    order = torch.randperm(len(train_text))
    for i in range(0, len(order), args.batch_size):
        batch = order[i:i + args.batch_size]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(train_text[batch]), train_label[batch])
        loss.backward()
        optimizer.step()
    dev_loss, dev_acc = evaluate(model, dev_text, dev_label)
    moved = (model.embed.weight.detach() - before).abs().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} dev loss {dev_loss:.4f} acc {dev_acc:.3f} embedding moved {moved:.5f}")
