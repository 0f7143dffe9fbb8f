"""What happened to every gradient between backward() and the next step: plain frozen data with no tensors inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.stepping.ledger.rank_steps import RankStep as RankStep
from gradcheck_lm.flow.stepping.ledger.rows import Row
from gradcheck_lm.flow.watching.sites import Place

PLACES = ("place", "replaced", "container", "loss", "filled", "made", "condition")  # fields that are such
NOWHERE = -1  # a place that was not seen: before the watch began, or done without a call that tells


@dataclass(frozen=True)
class Parameter:
    """One tensor that an optimizer holds, a module has, or a loss gave a gradient.

    owner: "module" (registered) | "container" (in a plain list or dict of a module, or a module in one) |
        "attribute" (a tensor that is no nn.Parameter, set on a module) | "nowhere"
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    owner: str
    module: str = ""  # the class of the module that has it
    root: int = NOWHERE  # which of the outermost modules
    branch: str = ""  # the part of that module, its first name
    ran: bool = False  # its module ran during the watch
    training: bool = True  # the mode of its module
    declared: bool = True  # it is an nn.Parameter
    held_by: tuple[int, ...] = ()  # optimizers, as they are at the end
    replaced: int = NOWHERE  # the place that put another in its stead
    container: int = NOWHERE  # the place that made the list or dict
    changed: bool = False  # its values changed, by an optimizer or by hand
    order: int = 0  # among all that the modules have
    tie: int = NOWHERE  # another parameter that it was equal to, bit by bit, when first seen
    apart: bool = False  # and is not any more
    copy_of: int = NOWHERE  # another of the same values when first seen, not all alike, that an optimizer holds
    made: int = NOWHERE  # the place that made the module which was given it, where that was seen
    maker: str = ""  # the class of that module
    filled: int = NOWHERE  # the place that put the tensor itself, or its values, where it is


@dataclass(frozen=True)
class Holder:
    """One optimizer."""

    name: str
    kind: str  # its class
    place: int  # where it was made
    since: int  # when it was made
    holds: tuple[int, ...]  # parameters
    rates: tuple[float, ...]
    weight_decay: float = 0.0
    maximize: bool = False
    restored: bool = False  # its state came from a checkpoint
    empty_state: bool = True  # it had no state at its first step
    condition: int = NOWHERE  # of one that never stepped: the `if` around its step()
    unmet: str = ""  # and what stands in it
    momentum: float = 0.0  # of SGD and its like: without it they keep no state


@dataclass(frozen=True)
class Event:
    """One thing that was done, at a time (the first is 0) and a place (an index into `Ledger.places`)."""

    time: int
    place: int
    inside: int | None = field(default=None, kw_only=True)  # the optimizer in whose step() it was done


@dataclass(frozen=True)
class Backward(Event):
    """backward(), or a torch.autograd.grad that leaves no gradient behind."""

    reached: tuple[int, ...] = ()  # the leaves of its graph
    given: tuple[int, ...] = ()  # those whose .grad it made or added to
    onto: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # what was in .grad already: times of backwards
    value: float | None = None
    operation: str = ""  # the loss's own node, past sums and factors, and after a minus sign where it is negated
    accumulates: bool = True  # False: torch.autograd.grad
    scaled: bool = False  # of a loss that a GradScaler multiplied
    loss: int = NOWHERE  # where the loss was computed
    zero: tuple[int, ...] = ()  # those given nothing but zeros
    bad: bool = False  # it left NaN or infinity
    norm: float = 0.0  # of all that stands in .grad of those given


@dataclass(frozen=True)
class Clearing(Event):
    """zero_grad(), or gradients cleared by hand."""

    who: str = ""  # the optimizer's or module's class; "" by hand
    holder: int | None = None  # the optimizer whose zero_grad it was
    erased: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # parameter -> times of the backwards in it
    by_hand: bool = False
    moved: tuple[int, ...] = ()  # those of them whose values were changed by hand since: the gradient was used


@dataclass(frozen=True)
class Change(Event):
    """Gradients clipped, unscaled or changed by hand; weights pulled to those of a copy, or pushed uphill; averages."""

    # "clipped" | "unscaled" | "updated" (the scaler) | "by hand" | "pulled" or "uphill" (weights)
    what: str = "clipped"  # | "repelled", "overrun" (averages that count these weights `limit` times: < 0, > 1/2)
    # | "outdated" (computed from these weights once, on this line, and used after steps)
    count: int = 0  # tensors that it was given
    contents: Mapping[int, tuple[int, ...]] = field(default_factory=dict)  # those with a gradient, and what is in it
    without: tuple[int, ...] = ()  # those without
    limit: float | None = None
    holder: int | None = None


@dataclass(frozen=True)
class Step(Event):
    """One optimizer's step(), or a turn of it that the scaler skipped."""

    holder: int = 0
    number: int = 0  # of this optimizer, from 0
    used: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    norms: Mapping[int, float] = field(default_factory=dict)
    moved: Mapping[int, float | None] = field(default_factory=dict)  # None: only a sample was compared, and it stayed
    rates: tuple[float, ...] = ()
    skipped: bool = False
    factor: float | None = None  # the GradScaler's, where it skipped the turn
    closure: bool = False
    repeats: bool = False  # the closure was evaluated at several points
    cosine: float | None = None  # between gradient and movement, at an optimizer's first step: negative goes down
    began: int = 0  # the time at which it began: what is between is inside
    undone: bool = False  # the values from before this step were those from before the last one


@dataclass(frozen=True)
class Loading(Event):
    """A module's load_state_dict, or a checkpoint read from a file."""

    who: str = ""
    what: str = "module"  # "module" | "optimizer" | "file" | "optimizer lost" (loaded at `taken`; this made another)
    tensors: tuple[int, ...] = ()
    matched: int = 0
    expected: int = 0
    has_state: bool = False  # of a file: an optimizer's state lies in it
    overwritten: tuple[int, ...] = ()  # changed between loading and their first use, by something else than a step
    itself: bool = False  # what was loaded are the module's own tensors, as they are
    taken: int = NOWHERE  # where state_dict() gave them, if that was elsewhere or before a step
    shared: tuple[int, ...] = ()  # those of `tensors` that were loaded from themselves, where others were not


@dataclass(frozen=True)
class Discarding(Event):
    """A module that was loaded and never run: this line puts another of its class in its place."""

    who: str = ""
    loaded: int = NOWHERE  # the place of the loading


@dataclass(frozen=True)
class Copying(Event):
    """A module and what is copied into it, or was copied from it, otherwise than is meant.

    what: "itself" (by the text, both are the same) | "aliased" (the other was put in its place) | "left behind" (copies
        of its parameters are trained by torch.func, and it runs with its own) | "laid aside" (other weights are put
        in the place of those that train, by `into`, and the method `source`, which takes them back, is never called) |
        "kept" (the state of `source` is kept as `into`, without a copy, and used at `where`) | "compared" (with it) |
        "never asked" (`into` follows `source`) | "unread end" (a target beside the flag `into`, given at `where`)
    """

    what: str = "itself"
    into: str = ""  # as it is written, or its class
    source: str = ""
    where: str = ""  # file:line that loads, saves, or asks for the gradients


@dataclass(frozen=True)
class Mode(Event):
    """A norm or dropout that ran in another mode than the time before, or dropout that does not know the mode."""

    module: str = ""
    training: bool = True
    # "flip" | "train_then_eval" (before it ran) | "dropout_in_eval" | "dropout_always" (as a function) |
    # "statistics_without_gradient" | "train_in_evaluation" (its train() too)
    what: str = "flip"
    function: str = ""


@dataclass(frozen=True)
class Misset(Event):
    """An attribute that was meant to freeze something, or to unfreeze it, and torch reads no such attribute."""

    name: str = ""  # of the attribute
    of_module: bool = False  # it was set on a module; else on a tensor
    owner: str = ""
    learning: tuple[int, ...] = ()  # what learns all the same
    thaws: bool = False  # by the text it is set to True


@dataclass(frozen=True)
class FrozenFresh(Event):
    """A module at random in the place of another, never loaded, and frozen; `zero`: matrices of 0, frozen by this."""

    tensors: tuple[int, ...] = ()
    zero: bool = False


@dataclass(frozen=True)
class Thawed(Event):
    """All that one line had frozen asks for a gradient again, before anything was trained."""

    frozen: int = NOWHERE  # the place that froze it
    tensors: tuple[int, ...] = ()


@dataclass(frozen=True)
class Schedule(Event):
    """A scheduler that multiplies the rate by 0, takes a loaded one back, counts batches as epochs, or begins anew."""

    kind: str = ""  # its class
    setting: str = ""  # as step_size=10: of the third; "not loaded"; "spent" (it came to 0)
    epochs: int = 0  # and where it was when it was saved; steps before it came to 0
    loaded: float = 0.0  # the rate of a checkpoint; steps at 0
    reset: float = 0.0  # and what the constructor made of it


@dataclass(frozen=True)
class SameBatch(Event):
    """Two workers of a loader gave the same batch."""

    worker: int = 0
    other: int = 1


@dataclass(frozen=True)
class Forgotten(Event):
    """A number with a graph that was computed and never went backward."""

    missing: tuple[int, ...] = ()  # places of its addends that no backward() saw
    taken: tuple[int, ...] = ()  # of those that one did
    leaves: tuple[int, ...] = ()
    read: bool = False  # printed, kept, or turned into a plain number
    times: int = 1


@dataclass(frozen=True)
class Ledger:
    """One watch: who holds what, and all that was done, in order."""

    parameters: tuple[Parameter, ...] = ()
    holders: tuple[Holder, ...] = ()
    events: tuple[Event, ...] = ()
    places: tuple[Place, ...] = ()
    rows: tuple[Row, ...] = ()
    # (optimizer, parameter) -> where it might have been given that, if not where it was made
    chances: Mapping[tuple[int, int], int] = field(default_factory=dict)
    writers: Mapping[int, int] = field(default_factory=dict)  # time of a loading -> the place that wrote over it
    ranks: tuple[RankStep, ...] = ()  # this one's steps first, then the others'
    complete: bool = False  # nothing came after it: the program ended, or whole steps were watched

    def backwards(self) -> Iterator[Backward]:
        """Those that leave gradients behind."""
        return (event for event in self.events if isinstance(event, Backward) and event.accumulates)

    def steps(self, holder: int | None = None) -> list[Step]:
        """All steps, or one optimizer's, skipped turns among them."""
        return [
            event for event in self.events if isinstance(event, Step) and (holder is None or event.holder == holder)
        ]

    def clearings(self) -> Iterator[Clearing]:
        """All zero_grads."""
        return (event for event in self.events if isinstance(event, Clearing))

    def changes(self, what: str) -> Iterator[Change]:
        """All clippings, unscalings, or changes by hand."""
        return (event for event in self.events if isinstance(event, Change) and event.what == what)

    def place(self, index: int) -> Place | None:
        """A place, None where it was not seen."""
        return None if index == NOWHERE else self.places[index]

    def where(self, index: int) -> str:
        """file:line of a place, "" where it was not seen."""
        place = self.place(index)
        return "" if place is None or not place.line else at(place.file, place.line)

    def with_places_moved(self, first: int, to: int) -> Ledger:
        """The same, where the places from `first` on stand from `to` on; for parameters and optimizers."""

        def moved(one: Any) -> Any:
            indices = {name: index for name in PLACES if (index := getattr(one, name, NOWHERE)) >= first}
            return replace(one, **{name: index - first + to for name, index in indices.items()}) if indices else one

        chances = {key: index - first + to if index >= first else index for key, index in self.chances.items()}
        parameters, holders = tuple(map(moved, self.parameters)), tuple(map(moved, self.holders))
        return replace(self, parameters=parameters, holders=holders, chances=chances)
