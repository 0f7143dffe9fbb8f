"""Exercise 21: looking inside, and computing twice. / 演習 21: 中を見る、二度計算する"""

import torch


def gradients_at(model, names, loss_of):
    """The gradient of loss_of(model) at the output of each submodule named in names: name -> tensor.

    Each of them is called once and gives one tensor. No hook is left behind, and no .grad is written.
    names に挙げた部品それぞれの出力での、loss_of(model) の勾配を、名前をキーとする辞書で返す。
    どの部品も一度だけ呼ばれ、テンソルを一つ返す。フックは残さず、.grad にも書き込まない。
    """
    # >>> hole: inside
    # en: the outputs are no leaves; take hold of them on the way, and put everything back, after an error too
    # ja: 出力は葉テンソルではない。途中で受け取り、エラーのときも含めて、すべて元に戻す
    outputs = {}
    handles = []
    for name in names:
        part = model.get_submodule(name)
        handles.append(part.register_forward_hook(lambda _, __, out, name=name: outputs.update({name: out})))
    try:
        loss = loss_of(model)
    finally:
        for handle in handles:
            handle.remove()
    found = torch.autograd.grad(loss, [outputs[name] for name in names])
    return dict(zip(names, found, strict=True))
    # --- broken
    # outputs = {}
    #
    # def keep(name, out):
    #     out.retain_grad()
    #     outputs[name] = out
    #
    # for name in names:
    #     part = model.get_submodule(name)
    #     part.register_forward_hook(lambda _, __, out, name=name: keep(name, out))
    # loss_of(model).backward()
    # return {name: outputs[name].grad for name in names}
    # <<< hole


def with_gradient_times(x, factor):
    """x itself in the forward pass; the gradient that comes back to this result reaches x multiplied by factor.

    Gradients that reach x along other paths, and those of other tensors, stay as they are. x may also be a
    tensor that asks for no gradient.
    順伝播では x と同じ値。この結果に戻ってきた勾配は、factor 倍されて x に届く。
    ほかの経路から x に届く勾配や、ほかのテンソルの勾配は変えない。x は勾配を求めないテンソルでもよい。
    """
    # >>> hole: factor
    # en: a hook on x itself meets the sum of all paths; and what it is given is not its own to write into
    # ja: x 自身に付けたフックには、全部の経路の和が来る。受け取った勾配に書き込んではいけない
    out = x.view_as(x)
    if out.requires_grad:
        out.register_hook(lambda gradient: gradient * factor)
    return out
    # --- broken
    # x.register_hook(lambda gradient: gradient.mul_(factor))
    # return x
    # <<< hole


class Recompute(torch.autograd.Function):
    """function(x) without keeping what is computed inside: it is computed again in the backward pass.

    function(x) を、途中の値を保存せずに計算する。途中の値は逆伝播で計算し直す。
    """

    @staticmethod
    def forward(ctx, function, x, *parameters):
        ctx.function, ctx.random_state = function, torch.get_rng_state()
        ctx.save_for_backward(x, *parameters)
        return function(x)

    @staticmethod
    def backward(ctx, gradient):
        # >>> hole: backward
        # en: the second call has to draw the same random numbers, and the parameters want their gradients too
        # ja: 二度目の計算でも同じ乱数を使う。パラメータにも勾配を返す
        x, *parameters = ctx.saved_tensors
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.set_rng_state(ctx.random_state)
            leaf = x.detach().requires_grad_()
            found = torch.autograd.grad(ctx.function(leaf), [leaf, *parameters], gradient)
        return None, *found
        # --- broken
        # x, *parameters = ctx.saved_tensors
        # with torch.enable_grad():
        #     leaf = x.detach().requires_grad_()
        #     (found,) = torch.autograd.grad(ctx.function(leaf), leaf, gradient)
        # return None, found, *[None] * len(parameters)
        # <<< hole


def recomputed(function, x, parameters):
    """function(x), and its gradient to x and to the parameters that function uses, as without a checkpoint.

    function may draw random numbers. The state of the random numbers after a backward pass is that of before it.
    function(x) の値。x にも、function が使うパラメータにも、チェックポイントなしのときと同じ勾配が届く。
    function は乱数を使ってもよい。逆伝播の前後で、乱数の状態は変わらない。
    """
    return Recompute.apply(function, x, *parameters)
