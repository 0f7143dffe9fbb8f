"""The autograd graph: torchviz's picture, our own where torchviz gives up, and the lonely box of a dead loss."""

from __future__ import annotations

import builtins
import sys
import warnings
from collections.abc import Callable

import pytest
import torch
from autograd_dots import arrows, boxes, chain
from draw_story import ARMS, make
from torch import nn

from gradcheck_lm.draw.autograd import autograd
from gradcheck_lm.draw.autograd.autograd import autograd_dot, walk
from gradcheck_lm.draw.layout.layout import picture
from gradcheck_lm.errors import ArgumentError

Golden = Callable[[str, str], None]


def labelled_edges(text: str) -> list[tuple[str, str]]:
    names = {number: label.replace("\\n", " ").split() for number, label in boxes(text).items()}
    return sorted((" ".join(names[a]), " ".join(names[b])) for a, b in arrows(text))


def without_torchviz(monkeypatch: pytest.MonkeyPatch, refused: tuple[str, ...] = ("torchviz", "distutils")) -> None:
    """As on Python 3.12 without setuptools: importing torchviz fails."""
    real = builtins.__import__

    def refuse(name: str, *rest: object, **named: object) -> object:
        if name.split(".")[0] in refused:
            raise ModuleNotFoundError("No module named 'distutils'")
        return real(name, *rest, **named)  # type: ignore[arg-type]

    for name in [name for name in sys.modules if name.split(".")[0] in ("torchviz", "distutils")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)


def story(arm: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    model, step = make(arm)
    return {"lm": step()["lm"]}, dict(model.named_parameters())


def small_step() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Operations that every torch and every processor names alike."""
    weight, bias = nn.Parameter(torch.ones(3)), nn.Parameter(torch.zeros(3))
    logits = (weight.exp() * 2 + bias).sigmoid()
    terms = {"ctc": logits.sum(), "lm": torch.tensor(0.2137), "ratio": (logits / bias.cos()).mean()}
    return terms, {"head.weight": weight, "head.bias": bias}


@pytest.mark.parametrize(
    "torchviz", [pytest.param(True, marks=pytest.mark.needs("torchviz"), id="torchviz"), pytest.param(False, id="own")]
)
def test_dot_is_as_it_was(golden: Golden, torchviz: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    terms, params = small_step()
    if not torchviz:
        without_torchviz(monkeypatch)
    golden(f"autograd_{'torchviz' if torchviz else 'own'}.dot", autograd_dot(terms, params=params, title="small"))


@pytest.mark.needs("torchviz", "numpy")
def test_the_storys_broken_loss_is_a_lonely_box(golden: Golden) -> None:
    terms, params = story("argmax")
    golden("autograd_argmax.dot", autograd_dot(terms, params=params, title="argmax"))


@pytest.mark.needs("torchviz", "numpy")
@pytest.mark.parametrize("arm", ARMS)
def test_without_torchviz_the_picture_is_the_same(arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terms, params = story(arm)
    theirs = autograd_dot(terms, params=params)
    without_torchviz(monkeypatch)
    ours = autograd_dot(terms, params=params)
    assert sorted(boxes(ours).values()) == sorted(boxes(theirs).values())
    assert labelled_edges(ours) == labelled_edges(theirs)
    assert {"fillcolor=lightblue" in text for text in (ours.replace('"', ""), theirs)} == {arm != "argmax"}


@pytest.mark.needs("torchviz")
def test_torchviz_is_used_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchviz

    asked = []
    make_dot = torchviz.make_dot
    monkeypatch.setattr(torchviz, "make_dot", lambda *a, **k: asked.append(1) or make_dot(*a, **k))
    terms, params = story("soft_embedding")
    autograd_dot(terms, params=params)
    assert asked


@pytest.mark.parametrize("broken_torchviz", [False, True])
def test_a_dead_loss_is_a_lonely_box_that_says_so(broken_torchviz: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken_torchviz:
        without_torchviz(monkeypatch)
    text = autograd_dot({"lm": torch.tensor(0.2137)}, params={})
    assert boxes(text) == {"0": "lm\\n ()\\nno grad_fn: backward has nowhere to go"}
    assert arrows(text) == []
    assert "#f4c7c3" in text


def test_a_loss_that_is_a_leaf_says_so() -> None:
    text = autograd_dot(torch.tensor(0.2, requires_grad=True))
    assert "nothing leads from here to the model" in text


def test_a_dead_term_stands_beside_a_healthy_one() -> None:
    weight = nn.Parameter(torch.ones(3))
    text = autograd_dot({"ctc": weight.sum(), "lm": torch.tensor(0.2)}, params={"head.weight": weight})
    assert len(boxes(text)) == 5  # weight, its accumulator, the sum, ctc; and lm by itself
    assert any(label.startswith("head.weight\\n (3)") for label in boxes(text).values())


def test_numbers_are_the_same_each_time() -> None:
    texts = set()
    for _ in range(3):
        terms, params = story("soft_embedding")
        texts.add(autograd_dot(terms, params=params))
        keep = [torch.ones(i, requires_grad=True).sum() for i in range(5)]  # other objects in between
        assert keep
    assert len(texts) == 1
    numbers = [int(number) for number in boxes(texts.pop())]
    assert sorted(numbers) == list(range(len(numbers)))


def same_picture(ours: str, theirs: str) -> bool:
    return sorted(boxes(ours).values()) == sorted(boxes(theirs).values()) and (
        labelled_edges(ours) == labelled_edges(theirs)
    )


@pytest.mark.needs("torchviz")
def test_without_distutils_torchviz_fails_and_the_picture_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terms, params = small_step()
    theirs = autograd_dot(terms, params=params)
    without_torchviz(monkeypatch, refused=("distutils",))
    with pytest.raises(ModuleNotFoundError, match="distutils"):
        import torchviz  # noqa: F401
    assert autograd._torchviz_statements(terms, params) is None
    assert same_picture(autograd_dot(terms, params=params), theirs)


@pytest.mark.needs("torchviz")
def test_where_its_recursion_ends_the_same_picture_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    short, weight = chain(300)
    theirs = autograd_dot(short, params={"w": weight})
    assert autograd._torchviz_statements({"loss": short}, {"w": weight}) is not None
    loss, long_weight = chain(3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it compares versions with distutils
        import torchviz

        with pytest.raises(RecursionError):
            torchviz.make_dot(loss)
    long = autograd_dot(loss, params={"w": long_weight}, limit=10_000)
    without_torchviz(monkeypatch)
    assert same_picture(autograd_dot(short, params={"w": weight}), theirs)
    # one way through 3,000 additions, as through 300 in torchviz's picture
    assert set(boxes(long).values()) == set(boxes(theirs).values())
    assert [label for label in boxes(long).values()].count("AddBackward0") == 3000
    after = dict(arrows(long))
    at = next(number for number, label in boxes(long).items() if label.startswith("w\\n"))
    way = [at]
    while at in after:
        at = after[at]
        way.append(at)
    assert len(way) == len(boxes(long)) == 3005


def test_a_chain_that_torchviz_cannot_walk() -> None:
    loss, weight = chain(5000)  # torchviz's recursion ends at about 1,100
    assert autograd._torchviz_statements({"loss": loss}, {}) is None
    assert len(walk({"loss": loss})) == 5000 + 5
    text = autograd_dot({"loss": loss}, params={"w": weight}, limit=10_000)
    assert len(boxes(text)) == 5005


def test_a_shared_value_is_drawn_once() -> None:
    weight = nn.Parameter(torch.ones(2))
    shared = weight.exp()
    nodes = walk({"a": shared.sum() * shared.mean(), "b": (shared * shared).sum()})
    assert [node.label for node in nodes].count("ExpBackward0") == 1
    assert all(before < node.id for node in nodes for before in node.inputs)


def test_after_backward_the_graph_can_still_be_drawn() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, value):  # type: ignore[no-untyped-def]
            ctx.save_for_backward(value)
            return value * 2

        @staticmethod
        def backward(ctx, gradient):  # type: ignore[no-untyped-def]
            return gradient * 2

    weight = nn.Parameter(torch.ones(2))
    loss = Double.apply(weight).sum()
    loss.backward()  # frees what torchviz wants to read
    assert "DoubleBackward" in autograd_dot(loss, params={"w": weight})


@pytest.mark.needs("layout")
@pytest.mark.parametrize("name", ['a"b', "日本語", "back\\slash\\N", "line\nbreak", "<b>&"])
def test_any_name_can_be_drawn(name: str) -> None:
    weight = nn.Parameter(torch.ones(2))
    for params in ({name: weight}, {}):
        assert b"</svg>" in picture(autograd_dot({name: weight.sum()}, params=params, title=name), "svg")


def test_what_is_no_tensor_is_refused_with_the_cure() -> None:
    with pytest.raises(ArgumentError, match=r"loss term 'lm' is a float, not a tensor.*before \.item\(\)"):
        autograd_dot({"lm": 0.5})  # type: ignore[dict-item]
    with pytest.raises(ArgumentError, match="the dict is empty"):
        autograd_dot({})


@pytest.mark.parametrize("torchviz", [True, False])
def test_what_is_no_name_is_told_in_japanese(torchviz: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not torchviz:
        without_torchviz(monkeypatch)
    terms = {"lm": torch.tensor(0.2), "leaf": torch.tensor(0.2, requires_grad=True)}
    text = autograd_dot(terms, language="ja")
    assert "grad_fn がない: 逆伝播はここから先へ進めない" in text
    assert "葉テンソル: requires_grad は True だが、\\nここからモデルへの経路はない" in text
    assert "nowhere" not in text
    assert "nothing leads" not in text
    loss = weight = torch.ones(3, requires_grad=True)
    for _ in range(30):
        loss = (loss * weight).sin().exp() + torch.ones(3, requires_grad=True)
    english, japanese = (autograd_dot(loss.sum(), limit=10, language=language) for language in ("en", "ja"))
    for word, other in (
        ("nodes folded", "まとめました"),
        ("operations", "演算"),
        ("more kind", "種類"),
        ("tensors", "テンソル"),
    ):
        assert (word in english, word in japanese) == (True, False), word
        assert (other in english, other in japanese) == (False, True), other
