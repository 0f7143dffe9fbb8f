"""The LSTM as a GPU wants it, seen on a CPU: the mode it runs in, and that its weights are laid out after each copy."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from gradcheck_lm.htr import build_crnn
from gradcheck_lm.htr.crnn import CONFIGS, CRNN
from gradcheck_lm.htr.recurrent import LayerwiseLSTM, differentiable


def eager(model: CRNN) -> CRNN:
    """A recogniser that gives its LSTM the mode it has itself, as every one did once: what torch gives on a CPU."""

    def recurrent(columns: torch.Tensor) -> Any:
        return nn.LSTM.forward(model.recurrent, columns)

    class Plain(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            states, _ = recurrent(model.columns(images))
            return model.head(states)

    return Plain()  # type: ignore[return-value]


def logits_and_gradients(model: nn.Module, owner: CRNN, images: torch.Tensor, *, half: bool) -> list[torch.Tensor]:
    owner.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        logits = model(images)
    (logits.float().log_softmax(2)[..., 3].sum()).backward()
    return [logits.detach(), *[p.grad.clone() for p in owner.parameters() if p.grad is not None]]


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", ["small", "full"])
def test_a_frozen_recogniser_gives_the_bits_of_eval_mode(name: str, half: bool) -> None:
    torch.manual_seed(0)
    model = build_crnn(name).eval()
    images = torch.rand(2, 1, CONFIGS[name].height, 128)
    new = logits_and_gradients(model, model, images, half=half)
    old = logits_and_gradients(eager(model), model, images, half=half)
    assert len(new) == len(old) > 20
    assert all(torch.equal(one, two) for one, two in zip(new, old, strict=True))


def test_in_eval_mode_the_lstm_alone_runs_in_train_mode_and_without_dropout() -> None:
    model = build_crnn("small").eval()
    seen: list[tuple[bool, float]] = []
    model.recurrent.register_forward_pre_hook(lambda lstm, _: seen.append((lstm.training, lstm.dropout)))
    images = torch.rand(1, 1, 64, 128)
    model(images)
    with torch.no_grad():
        model(images)
    model.train()(images)
    assert seen == [(True, 0.0), (False, 0.1), (True, 0.1)]
    assert model.recurrent.dropout == 0.1
    assert all(part.training for part in model.modules())


def test_the_lstm_is_put_back_after_an_error() -> None:
    lstm = build_crnn("small").eval().recurrent
    with pytest.raises(ValueError, match="2D or 3D"), differentiable(lstm):
        lstm(torch.rand(3))
    assert (lstm.training, lstm.dropout) == (False, 0.1)


def test_weights_are_laid_out_after_every_copy_and_every_load(monkeypatch: pytest.MonkeyPatch) -> None:
    laid: list[nn.LSTM] = []
    model = build_crnn("small")
    assert not laid
    monkeypatch.setattr(LayerwiseLSTM, "flatten_parameters", lambda lstm: laid.append(lstm))
    again = copy.deepcopy(model)
    assert laid == [again.recurrent]
    packed = pickle.loads(pickle.dumps(model))
    assert laid[-1] is packed.recurrent
    again.load_state_dict(model.state_dict(), assign=True)
    assert laid[-1] is again.recurrent
    nn.ModuleList([packed]).load_state_dict(nn.ModuleList([model]).state_dict())
    assert laid[-1] is packed.recurrent
