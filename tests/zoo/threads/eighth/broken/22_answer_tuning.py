import random

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
random.seed(0)


class Tokenizer:
    def __init__(self):
        self.vocab = ["<eos>", "<sep>"] + [f"w{i}" for i in range(40)]
        self.eos_token_id = 0
        self.sep_token_id = 1
        self.pad_token_id = None

    def __len__(self):
        return len(self.vocab)


class CausalLM(nn.Module):
    def __init__(self, vocab_size, dim=64):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, dim)
        self.rnn = nn.GRU(dim, 128, batch_first=True)
        self.head = nn.Linear(128, vocab_size)

    def forward(self, input_ids):
        return self.head(self.rnn(self.embed(input_ids))[0])

    @torch.no_grad()
    def generate(self, prompt, eos_token_id, max_new_tokens=24):
        ids = list(prompt)
        for _ in range(max_new_tokens):
            nxt = self(torch.tensor([ids]))[0, -1].argmax().item()
            if nxt == eos_token_id:
                break
            ids.append(nxt)
        return ids[len(prompt):]


def collate(examples, tokenizer):
    width = max(len(e) for e in examples)
    input_ids = torch.full((len(examples), width), tokenizer.pad_token_id)
    for row, e in zip(input_ids, examples):
        row[: len(e)] = torch.tensor(e)
    labels = input_ids.clone()
    labels[labels == tokenizer.pad_token_id] = -100
    return input_ids, labels


tokenizer = Tokenizer()
tokenizer.pad_token_id = tokenizer.eos_token_id

questions = [[2 + i // 8, 10 + i % 8] for i in range(32)]
answers = [[random.randrange(18, 42) for _ in range(random.randint(1, 6))] for _ in questions]
dataset = [q + [tokenizer.sep_token_id] + a + [tokenizer.eos_token_id] for q, a in zip(questions, answers)]

model = CausalLM(len(tokenizer))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

for epoch in range(60):
    random.shuffle(dataset)
    total = 0.0
    for i in range(0, len(dataset), 8):
        input_ids, labels = collate(dataset[i:i + 8], tokenizer)
        logits = model(input_ids)[:, :-1]
        loss = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    if epoch % 10 == 9:
        outputs = [model.generate(q + [tokenizer.sep_token_id], tokenizer.eos_token_id) for q in questions]
        exact = sum(o == a for o, a in zip(outputs, answers)) / len(answers)
        length = sum(len(o) for o in outputs) / len(outputs)
        print(f"epoch {epoch + 1} loss {total / 4:.4f} exact answers {exact:.3f} mean length {length:.1f}")

print("answer", answers[0], "output", outputs[0])
