"""GF808 summed_derivatives: autograd.grad of a whole gradient gives sums of second derivatives, not each of them."""

from __future__ import annotations

from gradcheck_lm.flow.findings.kind import Bridge, Cause, Kind, about
from gradcheck_lm.flow.findings.messages import Text

EXAMPLE = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
points = torch.rand(16, 2)


def loss():
    xy = points.clone().requires_grad_(True)
    u = model(xy)
    slope = torch.autograd.grad(u, xy, torch.ones_like(u), create_graph=True)[0]
    second = torch.autograd.grad(slope, xy, torch.ones_like(slope), create_graph=True)[0]
    u_xx, u_yy = second[:, 0], second[:, 1]
    return (u_xx + u_yy + u[:, 0]).square().mean()
"""
INSTEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
points = torch.rand(16, 2)


def loss():
    xy = points.clone().requires_grad_(True)
    u = model(xy)
    slope = torch.autograd.grad(u, xy, torch.ones_like(u), create_graph=True)[0]
    u_xx = torch.autograd.grad(slope[:, 0].sum(), xy, create_graph=True)[0][:, 0]
    u_yy = torch.autograd.grad(slope[:, 1].sum(), xy, create_graph=True)[0][:, 1]
    return (u_xx + u_yy + u[:, 0]).square().mean()
"""
_CURES = (
    Text(
        "one component at a time: torch.autograd.grad(slope[:, k].sum(), x, create_graph=True)[0][:, k]",
        "成分を 1 つずつ微分する: torch.autograd.grad(slope[:, k].sum(), x, create_graph=True)[0][:, k]",
    ),
    Text(
        "or torch.func.vmap(torch.func.hessian(f))(x) for all of them",
        "またはすべてまとめて torch.func.vmap(torch.func.hessian(f))(x)",
    ),
)

KIND = Kind(
    code="GF808",
    name="summed_derivatives",
    since="0.2.0",
    lesson="l22_custom_functions",
    heading=Text(
        "second derivatives that are added up",
        "足し合わされた 2 階微分",
    ),
    about=about(
        Text(
            "The gradient of a whole gradient is the sum over its components: column k is d2u/dx1dxk + d2u/dx2dxk + "
            "..., the mixed derivatives among them.",
            "勾配全体の勾配は、成分についての合計です。k 列目は d2u/dx1dxk + d2u/dx2dxk + ... で、"
            "混合微分が含まれます。",
        ),
        *_CURES,
    ),
    causes=(
        Cause(
            "of_a_gradient",
            Text(
                "What {line} gives has {count} components, and all of them are differentiated at once: column k of "
                "the result is the sum of their derivatives by x_k, mixed ones among them, and no second derivative "
                "by x_k alone.",
                "{line} の結果には {count} 個の成分があり、それらをまとめて微分しています。結果の k 列目は各成分を x_k "
                "で微分した合計で、混合微分を含み、x_k だけの 2 階微分ではありません。",
            ),
            _CURES,
        ),
        Cause(
            "by_a_helper",
            Text(
                "What is read here is the gradient of a gradient, both taken at {line}: all {count} components are "
                "differentiated at once, so column k is the sum of their derivatives by x_k, mixed ones among them, "
                "and no second derivative by x_k alone.",
                "ここで読まれているのは勾配の勾配で、どちらも {line} で計算されます。{count} "
                "個の成分をまとめて微分しているので、k 列目は各成分を x_k で微分した合計です。混合微分を含み、"
                "x_k だけの 2 階微分ではありません。",
            ),
            _CURES,
        ),
    ),
    bridge=Bridge(
        cannot=Text(
            "the gradient arrives: which derivatives the loss is to hold is for you to say",
            "勾配は届いています。損失にどの微分を使うかは作者が決めることです",
        )
    ),
    severity="warning",
    example=EXAMPLE,
    instead=INSTEAD,
)
