"""Image-text contrastive + captioning. The image tower is tapped with a forward hook to fetch its tokens."""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(15)
VOC, D = 30, 24


class ViT(nn.Module):
    def __init__(self, patches=9, pdim=12):
        super().__init__()
        self.patch = nn.Linear(pdim, D)
        self.pos = nn.Parameter(torch.randn(1, patches, D) * 0.1)
        self.transformer = nn.TransformerEncoderLayer(D, 4, 48, dropout=0.0, batch_first=True)

    def forward(self, x):
        x = self.transformer(self.patch(x) + self.pos)
        return x.mean(1)


class Extractor(nn.Module):
    def __init__(self, vit):
        super().__init__()
        self.vit = vit
        self.latents = None
        vit.transformer.register_forward_hook(self._hook)

    def _hook(self, _, inputs, output):
        self.latents = output.clone().detach()

    def forward(self, img):
        self.vit(img)
        latents, self.latents = self.latents, None
        return latents


class CoCa(nn.Module):
    def __init__(self, image_encoder):
        super().__init__()
        self.img_encoder = image_encoder
        self.img_proj = nn.Linear(D, D)
        self.tok = nn.Embedding(VOC, D)
        self.text = nn.GRU(D, D, batch_first=True)
        self.cross = nn.MultiheadAttention(D, 4, batch_first=True)
        self.to_logits = nn.Linear(D, VOC)
        self.temperature = nn.Parameter(torch.tensor(1.0))

    def forward(self, text, images):
        img_tokens = self.img_proj(self.img_encoder(images))
        h, last = self.text(self.tok(text))
        img_emb = F.normalize(img_tokens.mean(1), dim=-1)
        txt_emb = F.normalize(last[0], dim=-1)
        sim = img_emb @ txt_emb.t() * self.temperature.exp()
        labels = torch.arange(len(text))
        contrastive = (F.cross_entropy(sim, labels) + F.cross_entropy(sim.t(), labels)) * 0.5
        mm, _ = self.cross(h[:, :-1], img_tokens, img_tokens)
        logits = self.to_logits(h[:, :-1] + mm)
        caption = F.cross_entropy(logits.reshape(-1, VOC), text[:, 1:].reshape(-1))
        return caption + contrastive, caption, contrastive


def pairs(n=12):
    cls = torch.randint(0, VOC // 3, (n,))
    img = F.one_hot(cls, 12).float().unsqueeze(1).repeat(1, 9, 1) + 0.3 * torch.randn(n, 9, 12)
    text = torch.stack([cls, cls + 10, cls + 20, cls], 1)
    return text, img


coca = CoCa(Extractor(ViT()))
optim = torch.optim.Adam(coca.parameters(), lr=3e-3)
for i in range(25):
    loss, cap, con = coca(*pairs())
    optim.zero_grad()
    loss.backward()
    optim.step()
    if i % 6 == 0:
        print(f"{i} caption {cap.item():.3f} contrastive {con.item():.3f}")
