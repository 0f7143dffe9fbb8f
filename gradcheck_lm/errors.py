"""Every error this package raises on purpose: what is wrong, where, with which values, and the cure."""

from __future__ import annotations

import os
import re
import sys
from types import TracebackType

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_SPELLED = "AEFHILMNORSX"  # letters whose names begin with a vowel: an F, an M, an X
# the consonants that may follow those letters at the beginning of a word that is spoken, not spelled: a Stack, a float
_FOLLOWERS = {"f": "lr", "h": "", "l": "", "m": "", "n": "", "r": "h", "s": "chklmnpqtw", "x": ""}
_YOU = re.compile(r"u(ni(?!n)|int|[bcfhjkqrst][aeiou])|eu|one|once")  # a user, a uint8, a one


def _rendered(error: BaseException) -> list[str]:
    """What IPython shows of an error: the program's own frames, and none of this package's, which explain nothing."""
    shell = sys.modules["IPython"].get_ipython()
    shown: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, _own(error.__traceback__), None)
    return shown


def _own(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without this package's frames; as it is where nothing else would be left."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for one in reversed(frames):
        if not one.tb_frame.f_code.co_filename.startswith(_HERE):
            kept = TracebackType(kept, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return kept or (frames[0] if frames else None)


class GradcheckLMError(Exception):
    """Base of all errors that a user can mend; the command line shows its text and exits with 2."""

    _render_traceback_ = _rendered


class GradientFlowError(AssertionError):
    """A gradient does not arrive; the text is the whole diagnosis."""

    _render_traceback_ = _rendered

    def __init__(self, message: str, diagnosis: object | None = None) -> None:
        super().__init__(message)
        self.diagnosis = diagnosis


class ArgumentError(GradcheckLMError, ValueError):
    """An argument has a value that cannot work."""


class ShapeError(ArgumentError):
    """A tensor's axes do not fit: the message names the axes and both sizes."""


class CharsetError(ArgumentError):
    """A text holds characters that the charset does not have."""


class DataError(GradcheckLMError):
    """A file or folder of data is missing, unreadable, empty or malformed."""


class CheckpointError(GradcheckLMError):
    """A checkpoint is missing, damaged, or was made for another shape."""


class LanguageModelError(GradcheckLMError):
    """A language model cannot be found, is not causal, or cannot do what is asked of it."""


class MissingPackageError(GradcheckLMError, ImportError):
    """An optional package is not installed; the message holds the line to type."""


class RunError(GradcheckLMError):
    """A training run cannot go on: a loss that is not a number, a folder in use, a full disk."""


class RunStopped(GradcheckLMError):
    """A run was asked to stop by a signal, saved its state and left; the command line exits with 128 + the signal."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message, signal_number)
        self.signal_number = signal_number

    def __str__(self) -> str:
        return str(self.args[0])


class TraceError(GradcheckLMError):
    """A diagnosis was asked for in a way that has no answer; the message says what to pass instead."""


class LayoutError(GradcheckLMError):
    """A picture cannot be laid out: the graph is too large for the time given, or the layout engine refuses it."""


def with_article(name: str) -> str:
    """A class's name after "a" or "an", as it is spoken, for the text of an error: an SGD, a Linear, an nn.Module."""
    return f"{'an' if _begins_with_a_vowel(name) else 'a'} {name}"


def class_of(value: object) -> str:
    """What a value is, in an error: its class with an article."""
    return with_article(type(value).__name__)


def _begins_with_a_vowel(name: str) -> bool:
    name = name.lstrip("_")
    letters = re.match(r"[A-Z]{2,}", name)
    initials = (letters[0][:-1] if name[letters.end() :][:1].islower() else letters[0]) if letters else ""
    if len(initials) == 1:  # NAdam, UNet: a letter before a word
        return initials in _SPELLED
    word = name.lower()
    first, second = word[:1], word[1:2]
    if not second.isalpha():  # L1Loss
        return first.upper() in _SPELLED
    if first in ("a", "e", "i", "o", "u"):
        return _YOU.match(word) is None
    if first in _FOLLOWERS and second not in "aeiouy":
        return second not in _FOLLOWERS[first]  # SGD, LSTM, Rprop, ndarray: it cannot be spoken, so it is spelled
    return False
