import math
import torch
import torch.nn.functional as F
from torch.nn import Linear, Module, Parameter

torch.manual_seed(14)


def glorot(t):
    a = math.sqrt(6.0 / (t.size(-2) + t.size(-1)))
    t.data.uniform_(-a, a)


def scatter_softmax(src, index, n):
    out = (src - src.max()).exp()
    denom = torch.zeros(n, src.size(1)).index_add(0, index, out)
    return out / (denom[index] + 1e-16)


class GATConv(Module):
    def __init__(self, in_channels, out_channels, heads=1, concat=True, negative_slope=0.2, dropout=0.0):
        super().__init__()
        self.heads, self.out_channels, self.concat = heads, out_channels, concat
        self.negative_slope, self.dropout = negative_slope, dropout
        self.lin_l = Linear(in_channels, heads * out_channels, bias=False)
        self.lin_r = self.lin_l
        self.att_l = Parameter(torch.empty(1, heads, out_channels))
        self.att_r = Parameter(torch.empty(1, heads, out_channels))
        self.bias = Parameter(torch.zeros(heads * out_channels if concat else out_channels))
        glorot(self.lin_l.weight)
        glorot(self.att_l)
        glorot(self.att_r)

    def forward(self, x, edge_index):
        H, C = self.heads, self.out_channels
        if isinstance(x, torch.Tensor):
            x_l = x_r = self.lin_l(x).view(-1, H, C)
            alpha_l = alpha_r = (x_l * self.att_l).sum(dim=-1)
        else:
            x_l, x_r = x
            x_l, x_r = self.lin_l(x_l).view(-1, H, C), self.lin_r(x_r).view(-1, H, C)
            alpha_l = (x_l * self.att_l).sum(dim=-1)
            alpha_r = (x_r * self.att_r).sum(dim=-1)
        src, dst = edge_index
        alpha = F.leaky_relu(alpha_l[src] + alpha_r[dst], self.negative_slope)
        alpha = scatter_softmax(alpha, dst, x_r.size(0))
        alpha = F.dropout(alpha, p=self.dropout, training=self.training)
        out = torch.zeros(x_r.size(0), H, C).index_add(0, dst, x_l[src] * alpha.unsqueeze(-1))
        out = out.view(-1, H * C) if self.concat else out.mean(dim=1)
        return out + self.bias


class Net(Module):
    def __init__(self, num_features, num_classes):
        super().__init__()
        self.conv1 = GATConv(num_features, 8, heads=4, dropout=0.3)
        self.conv2 = GATConv(4 * 8, num_classes, heads=1, concat=False, dropout=0.3)

    def forward(self, x, edge_index):
        x = F.dropout(x, p=0.3, training=self.training)
        x = F.elu(self.conv1(x, edge_index))
        x = F.dropout(x, p=0.3, training=self.training)
        return F.log_softmax(self.conv2(x, edge_index), dim=1)


n, classes = 120, 4
y = torch.randint(0, classes, (n,))
x = F.one_hot(y, classes).float() @ torch.randn(classes, 16) + 1.5 * torch.randn(n, 16)
adj = torch.rand(n, n) < torch.where(y[:, None] == y[None], 0.12, 0.02)
edge_index = (adj | torch.eye(n, dtype=torch.bool)).nonzero().t()
train_mask = torch.rand(n) < 0.4

model = Net(16, classes)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.0)
for epoch in range(1, 81):
    model.train()
    optimizer.zero_grad()
    loss = F.nll_loss(model(x, edge_index)[train_mask], y[train_mask])
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        model.eval()
        acc = (model(x, edge_index).argmax(1) == y)[~train_mask].float().mean().item()
        print('Epoch: {:03d}, Loss: {:.4f}, Test: {:.4f}'.format(epoch, loss.item(), acc))
