"""How much is read of what others wrote: every bound in one place, and one sentence where one is passed.

A bound lies well above what honest data have (each says how large these get), and low enough that a file that was made
to hurt costs seconds and a part of the memory, not hours and all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck_lm.errors import DataError, GradcheckLMError

_SIZES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@dataclass(frozen=True)
class Bound:
    """The most that is read of something.

    Args:
        most: so many are read, one more is not.
        unit: what is counted, as in "pixels"; "bytes" are shown as kB, MB or GB.
        cure: what to do where there are more.
    """

    most: int
    unit: str
    cure: str

    def hold(
        self, value: int, where: str, *, verb: str = "has", shown: str = "", error: type[GradcheckLMError] = DataError
    ) -> None:
        """Raise `error` where `value` is beyond the bound: what, where, the value, the bound and the cure.

        Args:
            where: leads the sentence.
            verb: what `where` does with so many.
            shown: the value in words, where the number alone says less.
        """
        if value > self.most:
            raise error(self.sentence(shown or value, where, verb=verb))

    def sentence(self, value: int | str, where: str, *, verb: str = "has") -> str:
        """The one form in which a bound that was passed is told."""
        found = value if isinstance(value, str) else self._said(value)
        unit = "" if self.unit == "bytes" else f" {self.unit}"
        return f"{where} {verb} {found}{unit}, at most {self._said(self.most)} are read: {self.cure}"

    def _said(self, number: int) -> str:
        if self.unit != "bytes":
            return f"{number / 10**6:g} million" if number >= 10**6 else str(number)
        for size, name in _SIZES:
            if number >= size:
                return f"{number / size:.3g} {name}"
        return f"{number} bytes"


_CUT = "cut it into parts"
_LOOK = "look at what made the file, it is no page that was written by hand or printed"

# a line has one or two million pixels, a page at 400 dpi thirty
IMAGE = Bound(50_000_000, "pixels", "cut the lines out of the page")
# the longest novel has 4 MB, all of the Bible 5; labels of 100,000 lines have 8
TEXT = Bound(200_000_000, "bytes", _CUT)
# a newspaper's page with every glyph and its variants has 30 MB and some 300,000 elements, 12 deep
XML = Bound(100_000_000, "bytes", _CUT)
XML_ELEMENTS = Bound(1_000_000, "elements", _CUT)
XML_DEPTH = Bound(100, "elements inside one another", _LOOK)
# an outline along every pixel of a line has 20,000 corners, which are 200 kB; segmentation writes some hundred
XML_ATTRIBUTE = Bound(500_000, "characters in one attribute", _LOOK)
CORNERS = Bound(20_000, "corners", "simplify the outline, a few hundred draw any line")
# both outlines along every pixel of 100 lines
PAGE_CORNERS = Bound(2_000_000, "corners in all its outlines", "simplify the outlines, a few hundred draw any line")
# a newspaper's page has 2,000, a register's 1,000
PAGE_LINES = Bound(20_000, "lines", _LOOK)
# a line has its own and those of the regions around it, seldom five
TAGS = Bound(100, "tags", _LOOK)
# IAM's 6,000 training lines have 0.25 GB, 500 lines over 7,000 Chinese characters 1.4
ARRAYS = Bound(2_000_000_000, "bytes", _CUT)
# one line: 1,000 frames of 7,000 Chinese characters have 80 MB
CSV = Bound(200_000_000, "bytes", "it is one line's logits; write .npy, which is smaller, or fewer digits")
# all Chinese characters of Unicode are 98,000
CHARSET = Bound(200_000, "characters", "take out those that no line holds")
# the deepest language models have 126
LAYERS = Bound(1_000, "layers", "copy the folder's config.json again")
# a 6-gram of 100 MB of text has 3 million n-grams, and 100 MB
ARPA = Bound(2_000_000_000, "bytes", "prune the n-gram, or take a lower order")
NGRAMS = Bound(20_000_000, "n-grams", "prune the n-gram, or take a lower order")
