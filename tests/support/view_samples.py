"""Diagnoses from real runs for every renderer: the story, several cuts, warnings, notes, whole steps, other letters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gradcheck_lm.flow import Diagnosis, StepReport, diagnose, diagnose_step

DATA = torch.linspace(-1, 1, 12).reshape(4, 3)
ALPHABET = "abc"


def layer(rows: int = 3) -> nn.Linear:
    """Numbers that are the same on every machine."""
    made = nn.Linear(3, rows)
    with torch.no_grad():
        made.weight.copy_(torch.linspace(-0.5, 1.5, 3 * rows).reshape(rows, 3))
        made.bias.zero_()
    return made


def score(text: str, model: nn.Linear) -> Tensor:
    ids = torch.tensor([ALPHABET.index(letter) for letter in text])
    with torch.no_grad():
        return model(nn.functional.one_hot(ids, 3).float()).logsumexp(-1).mean()


def story() -> Diagnosis:
    recogniser, language_model = layer(), layer()

    def loss() -> dict[str, Tensor]:
        logits = recogniser(DATA)
        text = "".join(ALPHABET[i] for i in logits.argmax(-1).tolist())
        ctc = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0]))
        return {"ctc": ctc, "lm": 0.1 * score(text, language_model)}

    return diagnose(loss, recogniser)


def several() -> Diagnosis:
    model = nn.ModuleDict({"body": layer(), "head": layer(2)})

    def loss() -> dict[str, Tensor]:
        hidden = model["body"](DATA).detach()
        output = model["head"](hidden)
        steps = (output * 4).round().long()
        return {"fit": output.square().mean(), "levels": steps.float().mean()}

    return diagnose(loss, model)


def healthy() -> Diagnosis:
    model = layer()
    return diagnose(lambda: {"fit": model(DATA).square().mean(), "size": model.weight.abs().sum()}, model)


def warned() -> Diagnosis:
    model, targets = layer(1), torch.ones(4)

    def loss() -> Tensor:
        return (model(DATA) - targets).square().mean()

    return diagnose(loss, model)


def harmless() -> Diagnosis:
    model = layer()

    def loss() -> Tensor:
        output = model(DATA)
        keep = output > 0
        return (output * keep).square().mean()

    return diagnose(loss, model)


def other_letters() -> Diagnosis:
    重み, 係数 = layer().weight, nn.Parameter(torch.ones(3))

    def 損失() -> dict[str, Tensor]:
        出力 = DATA @ 重み
        return {"文字": 出力.square().mean(), "言語 モデル": (出力.argmax(-1).float() * 係数.round()[:1]).mean()}

    return diagnose(損失, {"重み": 重み, "係数": 係数})


def _steps(clear: bool) -> StepReport:
    model = layer()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.125)

    def step() -> None:
        if clear:
            optimizer.zero_grad()
        model(DATA).square().mean().backward()
        optimizer.step()

    return diagnose_step(step, model, optimizer)


SAMPLES: dict[str, Callable[[], Diagnosis | StepReport]] = {
    "story": story,
    "several": several,
    "healthy": healthy,
    "warned": warned,
    "harmless": harmless,
    "other_letters": other_letters,
    "steps_broken": lambda: _steps(clear=False),
    "steps_healthy": lambda: _steps(clear=True),
}
