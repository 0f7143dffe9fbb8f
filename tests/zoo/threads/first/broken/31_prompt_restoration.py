import torch
import torch.nn as nn

from prompt_blocks import ChannelAttention, PromptGenBlock


class PromptIR(nn.Module):
    def __init__(self, dim=16, prompt_dim=12):
        super().__init__()
        self.embed = nn.Conv2d(3, dim, 3, padding=1)
        self.attn1 = ChannelAttention(dim)
        self.prompt = PromptGenBlock(prompt_dim=prompt_dim, lin_dim=dim)
        self.noise_level = nn.Conv2d(dim + prompt_dim, dim, 1)
        self.attn2 = ChannelAttention(dim)
        self.output = nn.Conv2d(dim, 3, 3, padding=1)

    def forward(self, img):
        h = self.embed(img)
        h = h + self.attn1(h)
        h = self.noise_level(torch.cat([h, self.prompt(h)], 1))
        h = h + self.attn2(h)
        return self.output(h) + img


class Trainer:
    def __init__(self):
        self.net = PromptIR()
        self.loss_fn = nn.L1Loss()
        self.optimizer = torch.optim.AdamW(self.net.parameters(), lr=2e-3, weight_decay=0.0)

    def training_step(self, degraded, clean):
        self.optimizer.zero_grad()
        loss = self.loss_fn(self.net(degraded), clean)
        loss.backward()
        self.optimizer.step()
        return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    trainer = Trainer()
    clean = torch.rand(4, 3, 16, 16)
    for step in range(4):
        noisy = (clean + 0.15 * torch.randn_like(clean)).clamp(0, 1)
        print(f"step {step}: l1 {trainer.training_step(noisy, clean):.5f}")
