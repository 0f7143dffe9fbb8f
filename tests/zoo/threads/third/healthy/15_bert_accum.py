"""Tiny BERT (random config) fine-tuning with gradient accumulation; last short group is also applied."""
import torch
from torch.utils.data import DataLoader, TensorDataset
from transformers import BertConfig, BertForSequenceClassification

torch.manual_seed(14)
GRADIENT_ACCUMULATION_STEPS, EPOCHS, MAX_GRAD_NORM = 4, 2, 1.0

config = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48,
                    max_position_embeddings=16, num_labels=2)
model = BertForSequenceClassification(config)

ids = torch.randint(5, 64, (88, 10))
labels = (ids[:, 1] % 2).long()
ids[labels == 1, 3] = 2
mask = torch.ones_like(ids)
loader = DataLoader(TensorDataset(ids, mask, labels), batch_size=8, shuffle=True)

no_decay = ("bias", "LayerNorm.weight")
optimizer = torch.optim.AdamW([
    {"params": [p for n, p in model.named_parameters() if not n.endswith(no_decay)], "weight_decay": 0.01},
    {"params": [p for n, p in model.named_parameters() if n.endswith(no_decay)], "weight_decay": 0.0}], lr=5e-3)
updates = EPOCHS * -(-len(loader) // GRADIENT_ACCUMULATION_STEPS)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(0.0, 1 - s / updates))

global_step = 0
model.train()
for epoch in range(EPOCHS):
    tr_loss = 0.0
    for step, (input_ids, input_mask, label_ids) in enumerate(loader):
        out = model(input_ids=input_ids, attention_mask=input_mask, labels=label_ids)
        loss = out.loss
        if GRADIENT_ACCUMULATION_STEPS > 1:
            loss = loss / GRADIENT_ACCUMULATION_STEPS
        loss.backward()
        tr_loss += loss.item()
        if (step + 1) % GRADIENT_ACCUMULATION_STEPS == 0 or step + 1 == len(loader):
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            global_step += 1
    print(f"epoch {epoch} global step {global_step} loss {tr_loss * GRADIENT_ACCUMULATION_STEPS / len(loader):.4f}")
