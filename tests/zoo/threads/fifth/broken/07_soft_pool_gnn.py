import torch
import torch.nn as nn
import torch.nn.functional as F


class GraphConv(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(d_out))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, adj):
        return F.normalize(adj @ x @ self.weight + self.bias, p=2, dim=2)


class GcnEncoder(nn.Module):
    def __init__(self, d_in, d_hid, d_emb, bn=True):
        super().__init__()
        self.bn = bn
        self.conv_first = GraphConv(d_in, d_hid)
        self.conv_block = nn.ModuleList([GraphConv(d_hid, d_hid)])
        self.conv_last = GraphConv(d_hid, d_emb)
        self.act = nn.ReLU()

    def apply_bn(self, x):
        bn_module = nn.BatchNorm1d(x.size(1))
        return bn_module(x)

    def gcn_forward(self, x, adj):
        outs = []
        for conv in [self.conv_first, *self.conv_block]:
            x = self.act(conv(x, adj))
            if self.bn:
                x = self.apply_bn(x)
            outs.append(x)
        outs.append(self.conv_last(x, adj))
        return torch.cat(outs, dim=2)


class SoftPoolGcn(nn.Module):
    def __init__(self, d_in=6, d_hid=16, d_emb=16, n_cluster=4, n_class=2):
        super().__init__()
        cat = 2 * d_hid + d_emb
        self.embed = GcnEncoder(d_in, d_hid, d_emb)
        self.assign = GcnEncoder(d_in, d_hid, d_emb)
        self.assign_pred = nn.Linear(cat, n_cluster)
        self.post = GcnEncoder(cat, d_hid, d_emb)
        self.pred = nn.Linear(2 * cat, n_class)

    def forward(self, x, adj):
        z = self.embed.gcn_forward(x, adj)
        s = self.assign_pred(self.assign.gcn_forward(x, adj)).softmax(-1)
        xp = s.transpose(1, 2) @ z
        ap = s.transpose(1, 2) @ adj @ s
        zp = self.post.gcn_forward(xp, ap)
        return self.pred(torch.cat([z.max(1)[0], zp.max(1)[0]], dim=1))


def make_graphs(n, nodes=14):
    y = torch.randint(0, 2, (n,))
    dens = torch.where(y == 1, 0.45, 0.2).view(-1, 1, 1)
    up = torch.triu((torch.rand(n, nodes, nodes) < dens).float(), 1)
    adj = up + up.transpose(1, 2) + torch.eye(nodes)
    x = torch.randn(n, nodes, 6) * 0.3
    x[..., 0] += adj.sum(-1) / nodes
    return x, adj, y


def evaluate(model, data, batch):
    model.eval()
    hits = 0
    x, adj, y = data
    with torch.no_grad():
        for i in range(0, len(y), batch):
            hits += (model(x[i:i + batch], adj[i:i + batch]).argmax(1) == y[i:i + batch]).sum().item()
    model.train()
    return hits / len(y)


def main():
    torch.manual_seed(1)
    train, val = make_graphs(320), make_graphs(96)
    order = val[2].argsort()
    val = tuple(t[order] for t in val)
    model = SoftPoolGcn()
    opt = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(12):
        tot = 0.0
        for idx in torch.randperm(320).split(32):
            loss = F.cross_entropy(model(train[0][idx], train[1][idx]), train[2][idx])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            opt.step()
            tot += loss.item()
        if epoch % 5 == 0 or epoch == 11:
            print(f"epoch {epoch:2d} loss {tot / 10:.4f} val b32 {evaluate(model, val, 32):.3f} val b1 {evaluate(model, val, 1):.3f}")


if __name__ == "__main__":
    main()
