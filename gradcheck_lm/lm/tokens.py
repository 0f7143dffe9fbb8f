"""From text to token ids and from token ids to the bytes they stand for, the same for every tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from gradcheck_lm.errors import LanguageModelError

DOCUMENT_SEPARATOR = "<|endoftext|>"


class Tokens(Protocol):
    """What a language model needs to know of its tokenizer."""

    begin: int
    size: int

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without any special token."""
        ...

    def pieces(self) -> list[bytes | None]:
        """For each token id the UTF-8 bytes it stands for; None for special tokens."""
        ...


class CharacterTokens:
    """One token per character of a fixed string, then a begin-of-text token and an unknown token.

    A character outside `characters` becomes the unknown token, which costs what the model learned for it
    (about 6 nats); it never raises, so a wild transcript cannot stop a training run.
    """

    def __init__(self, characters: str) -> None:
        self.characters = characters
        self.begin = len(characters)
        self.unknown = len(characters) + 1
        self.size = len(characters) + 2
        self._ids = {character: index for index, character in enumerate(characters)}

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        ids, unknown = self._ids, self.unknown
        return [[ids.get(character, unknown) for character in text] for text in texts]

    def pieces(self) -> list[bytes | None]:
        return [*(character.encode() for character in self.characters), None, None]


class HubTokens:
    """A transformers tokenizer. Special tokens are never read from a text: "<|endoftext|>" written by hand is text."""

    def __init__(self, tokenizer: Any, *, name: str) -> None:
        self.tokenizer = tokenizer
        self.name = name
        self.begin = self._find_begin()
        self.size = max(tokenizer.get_vocab().values(), default=-1) + 1

    def _find_begin(self) -> int:
        # GPT-2's and SmolLM2's documents are parted by <|endoftext|>; SmolLM2's nominal bos token starts a chat turn
        vocabulary = self.tokenizer.get_vocab()
        if DOCUMENT_SEPARATOR in vocabulary:
            return int(vocabulary[DOCUMENT_SEPARATOR])
        for token_id in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token_id is not None:
                return int(token_id)
        raise LanguageModelError(
            f"the tokenizer of {self.name!r} has no begin-of-text token (no {DOCUMENT_SEPARATOR}, bos_token or "
            "eos_token); set bos_token in its tokenizer_config.json"
        )

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        encoded = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            split_special_tokens=True,
            verbose=False,
        )
        return [list(ids) for ids in encoded["input_ids"]]

    def pieces(self) -> list[bytes | None]:
        names = self.tokenizer.convert_ids_to_tokens(list(range(self.size)))
        added = self.tokenizer.added_tokens_decoder
        special = {index for index, token in added.items() if token.special} | set(self.tokenizer.all_special_ids)
        byte_level = any(name is not None and name.startswith("Ġ") for name in names)
        alphabet = _byte_alphabet()
        pieces: list[bytes | None] = []
        for index, name in enumerate(names):
            if name is None or index in special:
                pieces.append(None)
            elif index in added or not byte_level:
                pieces.append(_sentence_piece(name))
            else:
                known = all(character in alphabet for character in name)
                pieces.append(bytes(alphabet[character] for character in name) if known else None)
        return pieces


def _sentence_piece(name: str) -> bytes:
    # SentencePiece writes a space as U+2581 and a lone byte as <0xE3>
    if len(name) == 6 and name.startswith("<0x") and name.endswith(">"):
        return bytes([int(name[3:5], 16)])
    return name.replace("\u2581", " ").encode()


def _byte_alphabet() -> dict[str, int]:
    """The printable stand-in for each byte in byte-level BPE: itself where it is printable, else U+0100 and upwards."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    alphabet.update({chr(0x100 + position): byte for position, byte in enumerate(others)})
    return alphabet
