"""The recogniser's network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr import CRNNConfig, build_crnn, count_parameters
from gradcheck_lm.htr.crnn import CONFIGS

TINY = CRNNConfig(
    name="tiny", height=32, width=64, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=1, lstm_hidden=8,
    lstm_dropout=0.1, head_dropout=0.0, classes=5,
)  # fmt: skip


def test_full_has_exactly_7363168_parameters() -> None:
    with torch.device("meta"):
        model = build_crnn("full", classes=80)
    assert count_parameters(model) == 7_363_168
    parts = {name: count_parameters(part) for name, part in model.named_children()}
    assert parts["stem"] + parts["groups"] == 3_054_016
    assert (parts["recurrent"], parts["head"], parts["shortcut"]) == (4_206_592, 41_040, 61_520)


def test_small_fits_in_2_megabytes_of_half_precision() -> None:
    assert 2 * count_parameters(build_crnn("small", classes=80)) < 2_000_000


@pytest.mark.parametrize(("name", "frames"), [("full", 128), ("small", 128)])
def test_frames_of_the_named_recognisers(name: str, frames: int) -> None:
    assert CONFIGS[name].frames() == frames
    assert CONFIGS[name].columns_per_frame == CONFIGS[name].width // frames


@pytest.mark.parametrize("lines", [1, 3])
def test_small_gives_logits_of_t_n_c(lines: int) -> None:
    config = CONFIGS["small"]
    model = build_crnn("small", classes=80)
    logits, shortcut = model(torch.rand(lines, 1, config.height, config.width), with_shortcut=True)
    assert logits.shape == shortcut.shape == (128, lines, 80)
    assert model(torch.rand(lines, 1, config.height, config.width)).shape == (128, lines, 80)


def test_full_on_a_narrow_line_of_one() -> None:
    model = build_crnn("full").eval()
    with torch.no_grad():
        assert model(torch.rand(1, 1, 128, 64)).shape == (8, 1, 80)


@pytest.mark.parametrize("joined", [1, 2])
@pytest.mark.parametrize("width", [4, 5, 6, 7, 8, 11, 63, 64, 65, 100])
def test_frames_says_what_forward_gives(width: int, joined: int) -> None:
    config = replace(TINY, last_pool_columns=joined)
    assert build_crnn(config)(torch.rand(2, 1, 32, width)).shape[0] == config.frames(width)
    assert config.frames() == 64 // config.columns_per_frame


def test_a_line_reads_the_same_alone_and_in_a_batch() -> None:
    torch.manual_seed(0)
    model = build_crnn(TINY).eval()
    images = torch.rand(3, 1, 32, 64)
    together = model(images)
    alone = torch.cat([model(image[None]) for image in images], dim=1)
    torch.testing.assert_close(alone, together)


def test_gradient_reaches_every_parameter_down_to_the_stem() -> None:
    torch.manual_seed(0)
    model = build_crnn(TINY)
    logits, shortcut = model(torch.rand(2, 1, 32, 64), with_shortcut=True)
    (logits.square().mean() + shortcut.square().mean()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
        assert parameter.grad.is_contiguous(), name


def test_only_the_shortcut_needs_the_shortcut() -> None:
    model = build_crnn(TINY)
    model(torch.rand(2, 1, 32, 64)).sum().backward()
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert without == {"shortcut.1.weight", "shortcut.1.bias"}


def test_gradient_is_right() -> None:
    torch.manual_seed(0)
    config = replace(TINY, height=8, width=16, stem_channels=2, groups=((1, 2), (1, 3)), lstm_hidden=2, classes=3)
    model = build_crnn(config).double().eval()
    image = torch.rand(1, 1, 8, 16, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: model(x, with_shortcut=True), (image,))


def test_equal_seeds_give_equal_weights() -> None:
    torch.manual_seed(7)
    first = build_crnn(TINY).state_dict()
    torch.manual_seed(7)
    second = build_crnn(TINY).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_classes_are_set_by_name_and_config() -> None:
    assert build_crnn("small", classes=12).config.classes == 12
    assert build_crnn(TINY).config.classes == 5
    assert build_crnn(TINY, 9).head[1].out_features == 9


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 32, 64), r"\(N, 1, H, W\).*\(2, 32, 64\).*to_batch"),
        ((2, 3, 32, 64), "one grey channel"),
        ((2, 1, 48, 64), r"'tiny' reads lines 32 pixels high.*\(2, 1, 48, 64\).*to_batch"),
        ((2, 1, 32, 3), "at least 4 wide"),
        ((0, 1, 32, 64), "at least one in a batch"),
    ],
)
def test_wrong_images_are_explained(shape: tuple[int, ...], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        build_crnn(TINY)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 30}, "height a multiple of 8 and the width a multiple of 4"),
        ({"width": 66}, "multiple of 4"),
        ({"stem_channels": 0}, "stem_channels must be a whole number"),
        ({"lstm_hidden": 10**9}, "lstm_hidden must be a whole number from 1 to"),
        ({"groups": ()}, "1 to 8 pairs"),
        ({"groups": ((1, 4), (0, 8))}, r"blocks of groups\[1\]"),
        ({"last_pool_columns": 3}, "last_pool_columns is 1 or 2"),
        ({"classes": 1}, "classes must be at least 2"),
        ({"head_dropout": 1.0}, "head_dropout is a probability"),
        ({"lstm_dropout": -0.1}, "lstm_dropout is a probability"),
    ],
)
def test_impossible_sizes_are_explained(change: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        replace(TINY, **change)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ArgumentError, match=r"no recogniser named 'large'.*'full', 'small'"):
        build_crnn("large")
