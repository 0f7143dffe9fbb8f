import torch
import torch.nn as nn
import torch.nn.functional as F


class RGATLayer(nn.Module):
    def __init__(self, dim, n_rel):
        super().__init__()
        self.rel = nn.Embedding(n_rel, dim)
        self.w_msg = nn.Linear(dim, dim)
        self.w_att = nn.Linear(3 * dim, 1)
        self.w_self = nn.Linear(dim, dim)

    def forward(self, h, src, dst, etype):
        r = self.rel(etype)
        score = F.leaky_relu(self.w_att(torch.cat([h[src], h[dst], r], -1)).squeeze(-1), 0.2)
        score = score - score.max().detach()
        e = score.exp()
        norm = torch.zeros(h.size(0)).index_add(0, dst, e)
        alpha = e / (norm[dst] + 1e-9)
        msg = alpha.unsqueeze(-1) * (self.w_msg(h[src]) + r)
        agg = torch.zeros_like(h).index_add(0, dst, msg)
        return F.elu(self.w_self(h) + agg)


class RGAT(nn.Module):
    def __init__(self, n_feat, dim, n_rel, n_layers, n_class):
        super().__init__()
        self.proj = nn.Linear(n_feat, dim)
        self.layers = nn.ModuleList(RGATLayer(dim, n_rel) for _ in range(n_layers))
        self.norm = nn.LayerNorm(dim)
        self.cls = nn.Linear(dim, n_class)

    def forward(self, feats, src, dst, etype, graph_id):
        x = self.proj(feats)
        for layer in self.layers:
            h = layer(x, src, dst, etype)
        h = self.norm(h + x)
        n = int(graph_id.max()) + 1
        pooled = torch.zeros(n, h.size(1)).index_add(0, graph_id, h)
        return self.cls(pooled / torch.bincount(graph_id).unsqueeze(1))


def random_batch(n_graphs=8, n_nodes=6, n_edges=14, n_feat=10, n_rel=4):
    feats = torch.randn(n_graphs * n_nodes, n_feat)
    off = torch.arange(n_graphs).repeat_interleave(n_edges) * n_nodes
    src = torch.randint(0, n_nodes, (n_graphs * n_edges,)) + off
    dst = torch.randint(0, n_nodes, (n_graphs * n_edges,)) + off
    etype = torch.randint(0, n_rel, (n_graphs * n_edges,))
    gid = torch.arange(n_graphs).repeat_interleave(n_nodes)
    return (feats, src, dst, etype, gid), torch.randint(0, 3, (n_graphs,))


torch.manual_seed(0)
model = RGAT(10, 16, 4, n_layers=3, n_class=3)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
batch, label = random_batch()
for epoch in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(*batch), label)
    loss.backward()
    optimizer.step()
    print("epoch", epoch, "loss", loss.item())
