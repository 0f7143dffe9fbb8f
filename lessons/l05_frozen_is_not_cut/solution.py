"""Exercise 5: freeze the language model, and keep the path open. / 演習 5: 言語モデルを凍結し、経路は残す"""

import torch


def freeze(language_model):
    """From now on no training changes this model, not even its buffers, and its score is the same at every call.

    この後は、学習してもモデルは(バッファも含めて)変わらず、スコアは何度呼んでも同じになる。
    """
    # >>> hole: freeze
    # en: two different things are needed: no gradient for its weights, and layers that behave as in evaluation
    # ja: 必要なことは二つある。重みの勾配を求めないこと、層を評価のときの動作に切り替えること
    language_model.requires_grad_(False)
    language_model.eval()
    # --- broken
    # language_model.eval()
    # <<< hole


def penalty(language_model, logits):
    """The score of the letters' probabilities, () nats; logits (L, C). The gradient goes on to the logits.

    文字の確率のスコア(nats、スカラー)。logits は (L, C)。勾配はロジットに届く。
    """
    # >>> hole: penalty
    # en: the weights of the model are fixed already; the path through it must stay
    # ja: モデルの重みはすでに固定されている。モデルを通る経路は残しておく
    return language_model(logits.softmax(-1))
    # --- broken
    # with torch.no_grad():
    #     return language_model(logits.softmax(-1))
    # <<< hole


def movement_from_loss(model, loss_of, make_optimizer):
    """How far, at most, one step moves a weight because of the loss, and not because of weight decay: a float.

    loss_of(model) computes the loss; make_optimizer(parameters) makes a new optimizer. The weights are put back.
    一回のステップで、重み減衰ではなく損失のために重みが最大どれだけ動くかを float で返す。
    loss_of(model) は損失を計算し、make_optimizer(parameters) は新しいオプティマイザを作る。重みは元に戻す。
    """
    start = {name: value.detach().clone() for name, value in model.named_parameters()}

    def put_back():
        with torch.no_grad():
            for name, value in model.named_parameters():
                value.copy_(start[name])
                value.grad = None

    def weights_after_a_step(loss):
        """The weights after one step with this loss, or with a gradient of zero where loss is None.

        この損失で 1 ステップ更新した後の重み。loss が None なら、勾配 0 で更新した後の重み。
        """
        put_back()
        optimizer = make_optimizer(model.parameters())
        if loss is not None and (value := loss(model)).requires_grad:
            value.backward()
        for parameter in model.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        after = {name: value.detach().clone() for name, value in model.named_parameters()}
        put_back()
        return after

    # >>> hole: movement
    # en: weight decay moves the weights without any loss; compare with a step that has no loss
    # ja: 重み減衰は損失がなくても重みを動かす。損失のないステップと比べる
    with_loss, without = weights_after_a_step(loss_of), weights_after_a_step(None)
    return max(float((with_loss[name] - without[name]).abs().max()) for name in start)
    # --- broken
    # with_loss = weights_after_a_step(loss_of)
    # return max(float((with_loss[name] - start[name]).abs().max()) for name in start)
    # <<< hole
