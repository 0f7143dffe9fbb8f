import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(8)


class Tower(nn.Module):
    def __init__(self, in_dim, width, embed_dim):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(in_dim, width), nn.LayerNorm(width), nn.GELU(),
            nn.Linear(width, width), nn.GELU(),
        )
        self.proj = nn.Linear(width, embed_dim, bias=False)

    def forward(self, x):
        h = self.body(x)
        return h, self.proj(h)


class ClipSSL(nn.Module):
    def __init__(self, img_dim=64, txt_dim=32, width=96, embed_dim=32):
        super().__init__()
        self.visual = Tower(img_dim, width, embed_dim)
        self.text = Tower(txt_dim, width, embed_dim)
        self.ssl_head = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, embed_dim)
        )
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def forward(self, view1, view2, text):
        h, img = self.visual(torch.cat([view1, view2], dim=0))
        _, txt = self.text(text)
        return {
            "image_embed": img,
            "text_embed": txt,
            "image_ssl_embed": self.ssl_head(h),
            "logit_scale": self.logit_scale.exp(),
        }


class SimCLRLoss(nn.Module):
    def __init__(self, tau=0.1):
        super().__init__()
        self.tau = tau

    def forward(self, emb_a, emb_b):
        q_a, q_b = F.normalize(emb_a, dim=-1), F.normalize(emb_b, dim=-1)
        n = q_a.size(0)
        labels = torch.arange(n)
        mask = torch.eye(n) * 1e9
        aa, bb = q_a @ q_a.t() / self.tau - mask, q_b @ q_b.t() / self.tau - mask
        ab, ba = q_a @ q_b.t() / self.tau, q_b @ q_a.t() / self.tau
        loss_a = F.cross_entropy(torch.cat([ab, aa], 1), labels)
        loss_b = F.cross_entropy(torch.cat([ba, bb], 1), labels)
        return (loss_a + loss_b) / 2


class ClipSSLLoss(nn.Module):
    def __init__(self, ssl_weight=1.0):
        super().__init__()
        self.ssl = SimCLRLoss()
        self.ssl_weight = ssl_weight

    def forward(self, out):
        bs = out["text_embed"].size(0)
        ssl_embed = out["image_ssl_embed"]
        ssl_loss = self.ssl(ssl_embed[:bs], ssl_embed[:bs])
        img = F.normalize(out["image_embed"], dim=-1)
        txt = F.normalize(out["text_embed"], dim=-1)
        labels = torch.arange(bs)
        clip_loss = 0.0
        for part in (img[:bs], img[bs:]):
            logits = out["logit_scale"] * part @ txt.t()
            clip_loss = clip_loss + (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 4
        return clip_loss + self.ssl_weight * ssl_loss, clip_loss.item(), ssl_loss.item()


def sample(n):
    z = torch.randn(n, 12)
    img = torch.tanh(z @ W_img)
    txt = z[:, :6] @ W_txt + 0.3 * torch.randn(n, 32)
    return img, txt


def augment(img):
    drop = (torch.rand_like(img) > 0.2).float()
    return img * drop + 0.4 * torch.randn_like(img)


W_img, W_txt = torch.randn(12, 64) * 0.5, torch.randn(6, 32) * 0.5
model = ClipSSL()
criterion = ClipSSLLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)

for step in range(300):
    img, txt = sample(128)
    out = model(augment(img), augment(img), txt)
    loss, c, s = criterion(out)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, 4.6052)
    if step % 50 == 0 or step == 299:
        with torch.no_grad():
            e = F.normalize(out["image_ssl_embed"], dim=-1)
            hit = ((e[:128] @ e[128:].t()).argmax(1) == torch.arange(128)).float().mean()
        print(f"step {step} loss {loss.item():.4f} clip {c:.4f} ssl {s:.4f} view match {hit:.3f}")
