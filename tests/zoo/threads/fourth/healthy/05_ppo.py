import torch
from torch import nn
from torch.distributions import Categorical

torch.manual_seed(4)

actor = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 3))
critic = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
optim = torch.optim.Adam(list(actor.parameters()) + list(critic.parameters()), lr=3e-3)
W = torch.randn(4, 3)
eps_clip, vf_coef, ent_coef, repeat, bsz = 0.2, 0.5, 0.01, 4, 64


def collect(n=256):
    obs = torch.randn(n, 4)
    with torch.no_grad():
        act = Categorical(logits=actor(obs)).sample()
    rew = (obs @ W)[torch.arange(n), act] + 0.1 * torch.randn(n)
    return {'obs': obs, 'act': act, 'rew': rew}


def process_fn(batch):
    with torch.no_grad():
        batch['v_s'] = critic(batch['obs']).flatten()
        batch['logp_old'] = Categorical(logits=actor(batch['obs'])).log_prob(batch['act'])
    batch['returns'] = batch['rew']
    adv = batch['returns'] - batch['v_s']
    batch['adv'] = (adv - adv.mean()) / (adv.std() + 1e-8)
    return batch


def learn(batch):
    for _ in range(repeat):
        for idx in torch.randperm(len(batch['obs'])).split(bsz):
            obs, act, adv = batch['obs'][idx], batch['act'][idx], batch['adv'][idx]
            dist = Categorical(logits=actor(obs))
            ratio = (dist.log_prob(act) - batch['logp_old'][idx]).exp()
            surr1 = ratio * adv
            surr2 = ratio.clamp(1 - eps_clip, 1 + eps_clip) * adv
            clip_loss = -torch.min(surr1, surr2).mean()
            vf_loss = (batch['returns'][idx] - critic(obs).flatten()).pow(2).mean()
            loss = clip_loss + vf_coef * vf_loss - ent_coef * dist.entropy().mean()
            optim.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(list(actor.parameters()) + list(critic.parameters()), 0.5)
            optim.step()
    return clip_loss.item(), vf_loss.item(), ratio.detach()


for epoch in range(16):
    batch = process_fn(collect())
    cl, vl, ratio = learn(batch)
    if epoch % 3 == 0:
        print("epoch %d rew %.3f clip %.4f vf %.4f ratio [%.2f, %.2f]" % (
            epoch, batch['rew'].mean().item(), cl, vl, ratio.min().item(), ratio.max().item()))
