import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)

CHARS = "0123456789"
N_LEN = 4
HEIGHT, WIDTH = 32, 96
N_CLASSES = len(CHARS) + 1
GLYPHS = (torch.rand(len(CHARS), 20, 16) > 0.5).float()


def render(labels):
    n = labels.size(0)
    images = 0.1 * torch.randn(n, 1, HEIGHT, WIDTH)
    for i in range(n):
        for k in range(N_LEN):
            x = 6 + k * 22 + int(torch.randint(0, 4, (1,)))
            y = int(torch.randint(2, 10, (1,)))
            images[i, 0, y:y + 20, x:x + 16] += GLYPHS[labels[i, k] - 1]
    return images


def next_batch(n):
    labels = torch.randint(1, N_CLASSES, (n, N_LEN))
    return render(labels), labels


class CRNN(nn.Module):
    def __init__(self, n_classes, channels=(16, 32, 48, 64), pools=((2, 2), (2, 2), (2, 2), (2, 2))):
        super().__init__()
        layers, cin = [], 1
        for cout, pool in zip(channels, pools):
            layers += [
                nn.Conv2d(cin, cout, 3, padding=1, bias=False),
                nn.BatchNorm2d(cout),
                nn.ReLU(),
                nn.MaxPool2d(pool),
            ]
            cin = cout
        self.cnn = nn.Sequential(*layers)
        self.rnn = nn.GRU(cin * HEIGHT // 16, 64, bidirectional=True)
        self.fc = nn.Linear(128, n_classes)

    def forward(self, x):
        f = self.cnn(x)
        f = f.flatten(1, 2).permute(2, 0, 1)
        out, _ = self.rnn(f)
        return self.fc(out)


def accuracy(logits, labels):
    best = logits.argmax(-1).t()
    hits = 0
    for row, lab in zip(best.tolist(), labels.tolist()):
        out = [c for i, c in enumerate(row) if c != 0 and (i == 0 or c != row[i - 1])]
        hits += out == lab
    return hits / len(labels)


model = CRNN(N_CLASSES)
n_input_length = model.eval()(torch.zeros(1, 1, HEIGHT, WIDTH)).size(0)
print("sequence length", n_input_length)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

model.train()
running = None
for step in range(1, 81):
    images, labels = next_batch(32)
    optimizer.zero_grad()
    logits = model(images)
    log_probs = F.log_softmax(logits, dim=-1)
    input_lengths = torch.full((len(labels),), n_input_length, dtype=torch.long)
    target_lengths = torch.full((len(labels),), N_LEN, dtype=torch.long)
    loss = F.ctc_loss(log_probs, labels, input_lengths, target_lengths, blank=0)
    loss.backward()
    optimizer.step()
    running = loss.item() if running is None else 0.9 * running + 0.1 * loss.item()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {running:.4f}  acc {accuracy(logits.detach(), labels):.3f}")
