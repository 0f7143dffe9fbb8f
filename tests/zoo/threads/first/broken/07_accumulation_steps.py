import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--gradient_accumulation_steps", type=int, default=8)
    p.add_argument("--train_batch_size", type=int, default=8)
    p.add_argument("--num_train_epochs", type=int, default=3)
    p.add_argument("--learning_rate", type=float, default=1e-3)
    p.add_argument("--max_grad_norm", type=float, default=1.0)
    p.add_argument("--seed", type=int, default=42)
    return p.parse_args([])


def train(args, dataset, model):
    loader = DataLoader(dataset, batch_size=args.train_batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=50)
    global_step, tr_loss = 0, 0.0
    for epoch in range(args.num_train_epochs):
        model.zero_grad()
        for step, (x, y) in enumerate(loader):
            model.train()
            loss = nn.functional.cross_entropy(model(x), y)
            if args.gradient_accumulation_steps > 1:
                loss = loss / args.gradient_accumulation_steps
            loss.backward()
            tr_loss += loss.item()
            if (step + 1) % args.gradient_accumulation_steps == 0:
                torch.nn.utils.clip_grad_norm_(model.parameters(), args.max_grad_norm)
                optimizer.step()
                scheduler.step()
                model.zero_grad()
                global_step += 1
        print(f"epoch {epoch}: global_step {global_step}, running loss {tr_loss:.4f}")
    return model


if __name__ == "__main__":
    args = parse_args()
    torch.manual_seed(args.seed)
    data = TensorDataset(torch.randn(32, 20), torch.randint(0, 2, (32,)))
    model = nn.Sequential(nn.Linear(20, 32), nn.Tanh(), nn.Dropout(0.1), nn.Linear(32, 2))
    train(args, data, model)
