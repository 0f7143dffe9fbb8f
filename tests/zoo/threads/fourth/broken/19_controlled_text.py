import itertools
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

torch.manual_seed(23)
mb_size, z_dim, c_dim, h_dim, n_vocab, seq_len = 32, 8, 2, 32, 12, 6


class RNN_VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_emb = nn.Embedding(n_vocab, 16)
        self.encoder = nn.GRU(16, h_dim, batch_first=True)
        self.q_mu, self.q_logvar = nn.Linear(h_dim, z_dim), nn.Linear(h_dim, z_dim)
        self.decoder = nn.GRU(16 + z_dim + c_dim, h_dim, batch_first=True)
        self.init_h = nn.Linear(z_dim + c_dim, h_dim)
        self.decoder_fc = nn.Linear(h_dim, n_vocab)
        self.disc = nn.Sequential(nn.Flatten(), nn.Linear(16 * seq_len, 32), nn.ReLU(), nn.Linear(32, c_dim))
        self.encoder_params = itertools.chain(self.encoder.parameters(), self.q_mu.parameters(),
                                              self.q_logvar.parameters())
        self.decoder_params = itertools.chain(self.decoder.parameters(), self.init_h.parameters(),
                                              self.decoder_fc.parameters())
        self.discriminator_params = self.disc.parameters()

    def forward_encoder(self, emb):
        _, h = self.encoder(emb)
        return self.q_mu(h[0]), self.q_logvar(h[0])

    def sample_z(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def forward_decoder(self, emb, z, c):
        zc = torch.cat([z, c], 1)
        prev = torch.cat([torch.zeros_like(emb[:, :1]), emb[:, :-1]], 1)
        inp = torch.cat([prev, zc.unsqueeze(1).expand(-1, seq_len, -1)], 2)
        out, _ = self.decoder(inp, torch.tanh(self.init_h(zc)).unsqueeze(0))
        return self.decoder_fc(out)

    def soft_embed(self, logits):
        return F.softmax(logits, 2) @ self.word_emb.weight


def next_batch():
    c = torch.randint(0, 2, (mb_size,))
    first = torch.randint(0, 6, (mb_size, 1))
    return (first + torch.arange(seq_len)) % 6 + 6 * c[:, None], c


model = RNN_VAE()
trainer_D = optim.Adam(model.discriminator_params, lr=2e-3)
trainer_G = optim.Adam(model.encoder_params, lr=2e-3)
trainer_E = optim.Adam(model.decoder_params, lr=2e-3)

for it in range(121):
    inputs, labels = next_batch()
    emb = model.word_emb(inputs)

    loss_D = F.cross_entropy(model.disc(emb), labels)
    model.zero_grad()
    loss_D.backward()
    trainer_D.step()

    emb = model.word_emb(inputs).detach()
    mu, logvar = model.forward_encoder(emb)
    z, c = model.sample_z(mu, logvar), F.one_hot(labels, 2).float()
    logits = model.forward_decoder(emb, z, c)
    recon = F.cross_entropy(logits.flatten(0, 1), inputs.flatten())
    soft = model.soft_embed(logits)
    loss_attr_c = F.cross_entropy(model.disc(soft), labels)
    loss_attr_z = F.mse_loss(model.forward_encoder(soft)[0], z.detach())
    loss_G = recon + 0.1 * loss_attr_c + 0.1 * loss_attr_z
    model.zero_grad()
    loss_G.backward()
    trainer_G.step()

    mu, logvar = model.forward_encoder(emb)
    z = model.sample_z(mu, logvar)
    recon = F.cross_entropy(model.forward_decoder(emb, z, c).flatten(0, 1), inputs.flatten())
    kl = torch.mean(0.5 * torch.sum(torch.exp(logvar) + mu ** 2 - 1 - logvar, 1))
    loss_E = recon + 0.05 * kl
    model.zero_grad()
    loss_E.backward()
    trainer_E.step()
    if it % 30 == 0:
        print('Iter-%d; loss_D: %.4f; loss_G: %.4f; loss_E: %.4f; kl: %.4f' % (
            it, loss_D.item(), loss_G.item(), loss_E.item(), kl.item()))
