"""The characters a recogniser can write, and their class numbers."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from gradcheck_lm import bounds
from gradcheck_lm.errors import ArgumentError, CharsetError

_SHOWN = 60  # longest piece of a text that an error message quotes


class Charset:
    """An ordered set of characters: class 0 is the CTC blank, character i is class i + 1.

    Args:
        characters: every character once; their order is their class order.
    Raises:
        ArgumentError: no characters, or one that occurs twice.
    """

    STANDARD: ClassVar[str] = (
        " !\"#&'()*+,-./" + string.digits + ":;?" + string.ascii_uppercase + string.ascii_lowercase
    )
    """The 79 characters that the IAM literature uses."""

    __slots__ = ("_classes", "characters")
    characters: str

    def __init__(self, characters: str) -> None:
        if not isinstance(characters, str) or not characters:
            raise ArgumentError(
                f"a charset needs at least one character, got {characters!r}: "
                f'pass a string such as "abc ", or use Charset.standard()'
            )
        bounds.CHARSET.hold(len(characters), "the charset", error=ArgumentError)
        twice = sorted(character for character, times in Counter(characters).items() if times > 1)
        if twice:
            raise ArgumentError(
                f"these characters occur more than once in the charset: {_show(twice)}; each class needs one character"
            )
        self.characters = characters
        self._classes = {character: index for index, character in enumerate(characters, start=1)}

    @classmethod
    def standard(cls) -> Charset:
        """The 79 characters of `Charset.STANDARD`: 80 classes with the blank."""
        return cls(cls.STANDARD)

    @property
    def size(self) -> int:
        """Number of classes C: the characters and the blank."""
        return len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """The class of every character of `text`; the blank never occurs.

        Raises:
            CharsetError: the text holds characters that the charset lacks.
        """
        try:
            return [self._classes[character] for character in text]
        except KeyError:
            raise CharsetError(self._complaint(text)) from None

    def encode_batch(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Targets as `torch.nn.functional.ctc_loss` takes them.

        Returns:
            (sum of lengths,) long, the classes of all texts one after the other; (N,) long, their lengths.
        Raises:
            CharsetError: a text holds characters that the charset lacks.
        """
        if isinstance(texts, str):
            raise ArgumentError(
                f"encode_batch wants a sequence of texts, got the one text {_quote(texts)}: wrap it in a list"
            )
        encoded = [self.encode(text) for text in texts]
        flat = torch.tensor([index for ids in encoded for index in ids], dtype=torch.long)
        return flat, torch.tensor([len(ids) for ids in encoded], dtype=torch.long)

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """The text of a sequence of character classes: nothing is collapsed or skipped.

        Raises:
            ArgumentError: a class that is no character; the blank (0) is none.
        """
        numbers = ids.tolist() if isinstance(ids, Tensor) else [int(index) for index in ids]
        last = len(self.characters)
        wrong = [index for index in numbers if not 1 <= index <= last]
        if wrong:
            raise ArgumentError(
                f"class {wrong[0]} is no character of this charset: characters are classes 1 to {last}"
                + (" and 0 is the blank; decode a path with greedy_decode or collapse_paths" if wrong[0] == 0 else "")
            )
        return "".join([self.characters[index - 1] for index in numbers])

    def covers(self, text: str) -> bool:
        """Whether every character of `text` is in the charset."""
        return self._classes.keys() >= set(text)

    def missing(self, text: str) -> str:
        """The characters of `text` that the charset lacks: each once, in their first order."""
        return "".join(dict.fromkeys(character for character in text if character not in self._classes))

    def missing_from(self, other: Charset) -> str:
        """The characters of this charset that `other` lacks."""
        return other.missing(self.characters)

    def clean(self, text: str) -> str:
        """`text` without the characters that the charset lacks."""
        return "".join([character for character in text if character in self._classes])

    def _complaint(self, text: str) -> str:
        missing = self.missing(text)
        return (
            f"the text {_quote(text, near=text.index(missing[0]))} holds characters that the charset of "
            f"{len(self.characters)} does not have: {_show(missing)}. "
            f"Clean the text (Charset.clean drops them), or train with a charset that has them"
        )

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return self.characters == other.characters if isinstance(other, Charset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"Charset({self.characters!r})"


def _show(characters: Iterable[str]) -> str:
    """Characters so that a reader can find them: 'é' (U+00E9)."""
    listed = [f"{character!r} (U+{ord(character):04X})" for character in characters]
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")


def _quote(text: str, *, near: int = 0) -> str:
    """`text`, or its part around position `near` where it is long."""
    if len(text) <= _SHOWN:
        return repr(text)
    start = max(0, min(near - _SHOWN // 2, len(text) - _SHOWN))
    piece = text[start : start + _SHOWN]
    return repr(("..." if start else "") + piece + ("..." if start + _SHOWN < len(text) else ""))
