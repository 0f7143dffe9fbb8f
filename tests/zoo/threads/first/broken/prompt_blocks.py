import torch
import torch.nn as nn
import torch.nn.functional as F


class PromptGenBlock(nn.Module):
    def __init__(self, prompt_dim=12, prompt_len=4, prompt_size=8, lin_dim=16):
        super().__init__()
        self.prompt_param = nn.Parameter(torch.rand(1, prompt_len, prompt_dim, prompt_size, prompt_size))
        self.linear_layer = nn.Linear(lin_dim, prompt_len)
        self.conv3x3 = nn.Conv2d(prompt_dim, prompt_dim, kernel_size=3, stride=1, padding=1, bias=False)

    def forward(self, x):
        B, C, H, W = x.shape
        emb = x.mean(dim=(-2, -1))
        weights = F.softmax(self.linear_layer(emb), dim=1)
        prompt = weights.view(B, -1, 1, 1, 1) * self.prompt_param.data.repeat(B, 1, 1, 1, 1)
        prompt = prompt.sum(dim=1)
        prompt = F.interpolate(prompt, (H, W), mode="bilinear", align_corners=False)
        return self.conv3x3(prompt)


class ChannelAttention(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(1))
        self.qkv = nn.Conv2d(dim, dim * 3, 1, bias=False)
        self.proj = nn.Conv2d(dim, dim, 1, bias=False)

    def forward(self, x):
        b, c, h, w = x.shape
        q, k, v = (t.flatten(2) for t in self.qkv(x).chunk(3, dim=1))
        attn = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1) * self.temperature
        return self.proj((attn.softmax(-1) @ v).view(b, c, h, w))
