"""The recogniser: a residual convolutional network, a column max-pool, a BiLSTM, and a convolutional shortcut head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr.recurrent import LayerwiseLSTM, differentiable, in_one_piece

STEM_STRIDE = (4, 2)  # rows, columns
_LARGEST_SIDE = 16_384  # pixels; also bounds every count of a config, so that a damaged file cannot ask for terabytes


@dataclass(frozen=True)
class CRNNConfig:
    """The sizes of a recogniser.

    Args:
        name: what to call it in tables and checkpoints.
        height: pixels; every line image is scaled to it.
        width: pixels, a multiple of the columns per frame; narrower lines are padded, wider ones squeezed.
        stem_channels: channels after the first convolution.
        groups: (residual blocks, channels) of each group; a 2 x 2 max-pool stands between two groups.
        lstm_layers, lstm_hidden: of the BiLSTM; `lstm_hidden` is per direction.
        lstm_dropout, head_dropout: probabilities between the LSTM's layers and before each head.
        classes: C, the blank included.
        last_pool_columns: 2; or 1, where the last max-pool joins rows only and leaves twice the frames: at 64 pixels a
            narrow hand's letter is 12 pixels wide, and CTC needs a frame for each letter and one between equal letters.
    Raises:
        ArgumentError: a size that no network can have.
    """

    name: str
    height: int
    width: int
    stem_channels: int
    groups: tuple[tuple[int, int], ...]
    lstm_layers: int
    lstm_hidden: int
    lstm_dropout: float
    head_dropout: float
    classes: int = 80
    last_pool_columns: int = 2

    def __post_init__(self) -> None:
        # JSON gives lists: make them tuples, so that equal configs are equal and hashable
        object.__setattr__(self, "groups", tuple((int(blocks), int(channels)) for blocks, channels in self.groups))
        if not self.groups or len(self.groups) > 8:
            raise ArgumentError(f"groups must list 1 to 8 pairs of (blocks, channels), got {self.groups!r}")
        counts = {
            "height": self.height,
            "width": self.width,
            "stem_channels": self.stem_channels,
            "lstm_layers": self.lstm_layers,
            "lstm_hidden": self.lstm_hidden,
        }
        for index, (blocks, channels) in enumerate(self.groups):
            counts |= {f"blocks of groups[{index}]": blocks, f"channels of groups[{index}]": channels}
        for label, value in counts.items():
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LARGEST_SIDE:
                raise ArgumentError(f"{label} must be a whole number from 1 to {_LARGEST_SIDE}, got {value!r}")
        if not isinstance(self.classes, int) or self.classes < 2:
            raise ArgumentError(f"classes must be at least 2, the blank and one character, got {self.classes!r}")
        if self.last_pool_columns not in (1, 2):
            raise ArgumentError(f"last_pool_columns is 1 or 2, got {self.last_pool_columns!r}")
        for label, share in (("lstm_dropout", self.lstm_dropout), ("head_dropout", self.head_dropout)):
            if not 0 <= share < 1:
                raise ArgumentError(f"{label} is a probability from 0 up to, not including, 1; got {share!r}")
        if self.height % self.rows_per_cell or self.width % self.columns_per_frame:
            raise ArgumentError(
                f"an image of {self.height} x {self.width} pixels does not fit {len(self.groups)} groups: make the "
                f"height a multiple of {self.rows_per_cell} and the width a multiple of {self.columns_per_frame}"
            )

    @property
    def columns_per_frame(self) -> int:
        """Pixel columns that one frame of logits stands for."""
        return int(STEM_STRIDE[1] * math.prod(self.pooled_columns))

    @property
    def pooled_columns(self) -> tuple[int, ...]:
        """How many columns each max-pool joins."""
        pools = len(self.groups) - 1
        return (2,) * (pools - 1) + (self.last_pool_columns,) if pools else ()

    @property
    def rows_per_cell(self) -> int:
        """Pixel rows that one row of the last feature map stands for."""
        return int(STEM_STRIDE[0] * 2 ** (len(self.groups) - 1))

    def frames(self, width: int | None = None) -> int:
        """T: how many frames of logits an image of `width` pixels gives; of the config's own width by default."""
        columns = -(-(self.width if width is None else width) // STEM_STRIDE[1])  # the padded stem rounds up
        for joined in self.pooled_columns:
            columns //= joined  # a pool drops an odd column
        return columns


CONFIGS: dict[str, CRNNConfig] = {
    "full": CRNNConfig(
        name="full",
        height=128,
        width=1024,
        stem_channels=32,
        groups=((2, 64), (3, 128), (2, 256)),
        lstm_layers=3,
        lstm_hidden=256,
        lstm_dropout=0.2,
        head_dropout=0.5,
    ),
    "small": CRNNConfig(
        name="small",
        height=64,
        width=512,
        stem_channels=16,
        groups=((2, 16), (3, 32), (2, 96)),
        lstm_layers=2,
        lstm_hidden=96,
        lstm_dropout=0.1,
        head_dropout=0.2,
        last_pool_columns=1,
    ),
}


class BasicBlock(nn.Module):
    """conv 3x3, BN, ReLU, conv 3x3, BN, plus the input (through a 1x1 conv and BN where the channels change), ReLU."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        # no bias: the BatchNorm behind each convolution would take it out again
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.skip: nn.Module = nn.Identity()
        if channels_in != channels_out:
            self.skip = nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, bias=False), nn.BatchNorm2d(channels_out))

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.body(features) + self.skip(features))


class CRNN(nn.Module):
    """Images of text lines to logits.

    Source: Retsinas, Sfikas, Gatos and Nikou, "Best Practices for a Handwritten Text Recognition System", 2022: the
    network with the CTC shortcut, with a stem of stride (4, 2).
    """

    def __init__(self, config: CRNNConfig) -> None:
        super().__init__()
        self.config = config
        # of the feature maps: the same numbers in another order, a tenth faster on a processor; parameters stay as they
        # are, and so does every file of them
        self.memory_format = torch.channels_last
        self.stem = nn.Conv2d(1, config.stem_channels, 7, stride=STEM_STRIDE, padding=3)
        self.groups = nn.ModuleList()
        channels_in = config.stem_channels
        for blocks, channels in config.groups:
            group = [BasicBlock(channels_in if index == 0 else channels, channels) for index in range(blocks)]
            self.groups.append(nn.Sequential(*group))
            channels_in = channels
        self.pools = nn.ModuleList(nn.MaxPool2d((2, joined)) for joined in config.pooled_columns)
        self.recurrent = LayerwiseLSTM(
            channels_in,
            config.lstm_hidden,
            config.lstm_layers,
            bidirectional=True,
            # torch warns of a dropout that has no layer to follow
            dropout=config.lstm_dropout if config.lstm_layers > 1 else 0.0,
        )
        self.head = nn.Sequential(nn.Dropout(config.head_dropout), nn.Linear(2 * config.lstm_hidden, config.classes))
        self.shortcut = nn.Sequential(
            nn.Dropout(config.head_dropout), nn.Conv1d(channels_in, config.classes, 3, padding=1)
        )
        self.register_load_state_dict_post_hook(_loaded)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What copy and pickle make a recogniser from: its weights were copied one by one."""
        super().__setstate__(state)
        in_one_piece(self.recurrent)

    @overload
    def forward(self, images: Tensor, *, with_shortcut: Literal[False] = False) -> Tensor: ...
    @overload
    def forward(self, images: Tensor, *, with_shortcut: Literal[True]) -> tuple[Tensor, Tensor]: ...
    def forward(self, images: Tensor, *, with_shortcut: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Logits of every frame.

        Args:
            images: (N, 1, H, W) float, ink high: 0 is paper, 1 is ink. H is the config's height; any W gives frames.
            with_shortcut: also the logits of the convolutional head, which only training uses.
        Returns:
            (T, N, C) unnormalised, or that and the shortcut's (T, N, C).
        Raises:
            ShapeError: the axes are not (N, 1, H, W), or H is another height.
        Gradient: exact.
        """
        columns = self.columns(images)  # (T, N, channels)
        with differentiable(self.recurrent):
            states, _ = self.recurrent(columns)
        logits: Tensor = self.head(states)
        if not with_shortcut:
            return logits
        return logits, self.shortcut(columns.permute(1, 2, 0)).permute(2, 0, 1)

    def columns(self, images: Tensor) -> Tensor:
        """What the convolutions see in each frame, (T, N, channels): the maximum over each column.

        Raises:
            ShapeError: as `forward`.
        """
        self._check(images)
        features = torch.relu(self.stem(images)).contiguous(memory_format=self.memory_format)
        for index, group in enumerate(self.groups):
            features = group(features if index == 0 else self.pools[index - 1](features))
        # amax takes exactly one axis away: a batch of one line keeps its N
        return features.amax(dim=2).permute(2, 0, 1)

    def _check(self, images: Tensor) -> None:
        height, least = self.config.height, self.config.columns_per_frame
        shape = tuple(images.shape)
        if len(shape) != 4 or shape[1] != 1:
            raise ShapeError(
                f"images must be (N, 1, H, W), one grey channel; got {shape}. "
                f"gradcheck_lm.htr.to_batch makes such a batch from line images"
            )
        if shape[2] != height or shape[3] < least or shape[0] < 1:
            raise ShapeError(
                f"recogniser {self.config.name!r} reads lines {height} pixels high and at least {least} wide, at least "
                f"one in a batch; got (N, 1, H, W) = {shape}. "
                f"Scale the lines with gradcheck_lm.htr.to_batch(lines, model.config)"
            )


def _loaded(model: nn.Module, keys: Any) -> None:
    assert isinstance(model, CRNN)
    in_one_piece(model.recurrent)  # with `assign` the weights are others' tensors


def build_crnn(config: str | CRNNConfig = "small", classes: int | None = None) -> CRNN:
    """A recogniser with fresh weights, drawn from torch's global random state.

    Args:
        config: "full" (7,363,168 parameters at 80 classes), "small" (for a laptop), or sizes of your own.
        classes: C, the blank included: `charset.size`. By default the config's own, 80 for the named ones.
    Raises:
        ArgumentError: a name that does not exist, or sizes that cannot work.
    """
    if isinstance(config, str):
        if config not in CONFIGS:
            raise ArgumentError(
                f"there is no recogniser named {config!r}: choose one of {_names(CONFIGS)}, or pass a CRNNConfig"
            )
        config = CONFIGS[config]
    return CRNN(config if classes is None else replace(config, classes=classes))


def count_parameters(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def _names(names: Sequence[str] | dict[str, CRNNConfig]) -> str:
    return ", ".join(repr(name) for name in names)
