"""What a page shows, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gradcheck_lm.draw.plots.curves import Panel
from gradcheck_lm.flow.findings.model import Diagnosis


class AlignedSpan(Protocol):
    """A stretch of a label and of its reading; kind: "equal" | "substitute" | "delete" | "insert"."""

    @property
    def kind(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def reading(self) -> str: ...


class LMTableRow(Protocol):
    """One line of the story's table; losses in nats per token; winner: "label" | "prediction" | "equal"."""

    @property
    def index(self) -> int: ...
    @property
    def prediction(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def prediction_loss(self) -> float: ...
    @property
    def label_loss(self) -> float: ...
    @property
    def winner(self) -> str: ...


@dataclass(frozen=True)
class Experiment:
    """A table of results; a cell is text, a number, or None. `highlight` is the row to look at first."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    description: str = ""
    name_ja: str = ""
    description_ja: str = ""
    highlight: int | None = None


@dataclass(frozen=True)
class Example:
    """One line image with what stands there and what each arm read."""

    image: bytes  # PNG or JPEG
    label: str | None
    readings: Mapping[str, str]
    name: str = ""


@dataclass(frozen=True)
class Report:
    """What a page shows; a part that is empty is left out.

    Arms (the keys of `diagnoses`, of `graphs` and of the curves' series) are names such as "argmax"; a page on a single
    program has one arm, which may be called "".
    """

    title: str = "gradcheck_lm"
    title_ja: str = ""
    verdict: str = ""  # by default the diagnosis' own, where there is only one
    verdict_ja: str = ""
    helped: str = ""  # which fix helped, and by how much
    helped_ja: str = ""
    arms: str = ""  # what an arm is, before the first of them is shown
    arms_ja: str = ""
    made: Mapping[str, str] = field(default_factory=dict)  # "script", "command", "date", "versions": what it is of
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    graphs: Mapping[str, str] = field(default_factory=dict)  # arm -> SVG instead of the one drawn from its diagnosis
    autograd_graphs: Mapping[str, str] = field(default_factory=dict)  # arm -> SVG
    experiments: Sequence[Experiment] = ()
    gradients: Sequence[Panel] = ()  # gradient norm per term and module over steps
    curves: Sequence[Panel] = ()  # CER and penalty per arm, with intervals
    pictures: Mapping[str, bytes] = field(default_factory=dict)  # caption -> PNG or JPEG
    lm_table: Sequence[LMTableRow] = ()
    mistakes: Sequence[Sequence[AlignedSpan]] = ()
    confusions: Sequence[tuple[str, str, int]] = ()  # (in the label, read as, how often)
    examples: Sequence[Example] = ()
    configuration: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"  # what the page opens with: "en" | "ja"; the reader can switch
