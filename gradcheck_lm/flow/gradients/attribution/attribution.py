"""How much each term of the loss teaches each module: gradient norm, share, and whether terms pull the same way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gradcheck_lm.display import Displayed

ALL = "all"  # the row over everything asked about


@dataclass(frozen=True)
class Share:
    """One term in one module.

    `norm` is the Euclidean norm of the term's gradient there; `share` its part of the sum of all terms' norms there.
    """

    norm: float
    share: float


@dataclass(frozen=True, repr=False)
class Attribution(Displayed):
    """Term x module: who teaches what."""

    terms: tuple[str, ...]
    modules: tuple[str, ...]  # the first is "all"
    values: dict[str, float]
    table: dict[str, dict[str, Share]]  # term -> module -> share
    cosines: dict[str, dict[str, float | None]]  # "ctc|lm" -> module -> cosine; None where a gradient is zero
    dead: tuple[str, ...]  # terms without any gradient
    structural_zeros: tuple[str, ...] = ()  # tensors whose gradient is rounding noise by construction
    notes: tuple[str, ...] = field(default=())
    starved: tuple[str, ...] = ()  # tensors that no term gives a gradient, and that are no structural zeros
    micro_batches: int = 1
    ranks: int = 1  # processes whose gradients were averaged

    def norm(self, term: str, module: str = ALL) -> float:
        """Gradient norm of a term in a module."""
        return self.table[term][module].norm

    def share(self, term: str, module: str = ALL) -> float:
        """A term's part of all terms' gradient norms in a module, 0 to 1."""
        return self.table[term][module].share

    def cosine(self, first: str, second: str, module: str = ALL) -> float | None:
        """Cosine of two terms' gradients in a module; None where one of them is zero there."""
        key = f"{first}|{second}"
        return self.cosines[key if key in self.cosines else f"{second}|{first}"][module]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        return asdict(self)

    def _headline(self) -> str:
        shares = ", ".join(f"{term} {self.share(term):.1%}" for term in self.terms)
        return f"{shares}; {len(self.modules) - 1} modules" + (f"; dead: {', '.join(self.dead)}" if self.dead else "")

    def __str__(self) -> str:
        width = max(len(module) for module in (*self.modules, "module"))
        head = f"{'module':<{width}}" + "".join(f"  {term:>10} {'share':>6}" for term in self.terms)
        pairs = list(self.cosines)
        head += "".join(f"  cos {pair}" for pair in pairs)
        lines = [head]
        for module in self.modules:
            cells = "".join(
                f"  {self.table[term][module].norm:>{max(10, len(term))}.4g} {self.table[term][module].share:>6.1%}"
                for term in self.terms
            )
            for pair in pairs:
                cosine = self.cosines[pair][module]
                cells += f"  {'-' if cosine is None else format(cosine, '.3f'):>{len(pair) + 4}}"
            lines.append(f"{module:<{width}}{cells}")
        lines.extend(f"dead: term {name!r} has no gradient at all" for name in self.dead)
        lines.extend(f"starved: no term gives {name} a gradient" for name in self.starved)
        lines.extend(
            f"zero by construction: {name}; a normalisation takes its shift away, so this is no fault"
            for name in self.structural_zeros
        )
        lines.extend(f"note: {note}" for note in self.notes)
        return "\n".join(lines)
