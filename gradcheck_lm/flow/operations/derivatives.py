"""What torch has no derivative for, or one that is zero everywhere: by operation, by output, by argument.

Nearly every operation with floating-point values in and out has a derivative. These tables hold the others, and the
suite holds them against torch's own operator database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Floating point in, floating point out, and yet no derivative, for none is defined: counting, comparing, laying out.
_UNDEFINED = words(
    """
    heaviside heaviside_ histc histogram histogramdd floor_divide floor_divide_ __floordiv__ __rfloordiv__ __ifloordiv__
    quantize_per_tensor quantize_per_channel bincount unique unique_consecutive unique_dim logical_and_ logical_or_
    logical_xor_ logical_not_ lt_ le_ gt_ ge_ eq_ ne_ less_ less_equal_ greater_ greater_equal_ not_equal_
    """
)
# There is a derivative, and torch has no formula for it: it records nothing, or backward raises.
UNWRITTEN = words(
    """
    linspace logspace geqrf ldl_factor ldl_factor_ex ldl_solve _chunk_cat acosh_ arccosh_ asinh_ arcsinh_ atanh_
    arctanh_ resize_ resize_as_ set_ airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0
    modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1
    spherical_bessel_j0 chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w
    shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v
    shifted_chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l
    legendre_polynomial_p
    """
)
# Formulas that came after the oldest torch that is supported: written where this torch has a node of that name.
_WRITTEN_LATER = {"aminmax": "Aminmax", "narrow_copy": "NarrowCopy"}
UNWRITTEN |= {name for name, node in _WRITTEN_LATER.items() if not hasattr(torch._C._functions, f"{node}Backward0")}


def _nextafter_refuses() -> bool:
    """Whether the node of nextafter only raises, as in torch 2.11: its name alone does not tell."""
    with torch.enable_grad(), torch._C.DisableTorchFunction():
        one = torch.ones(1, device="cpu", requires_grad=True)
        try:
            torch.autograd.grad(torch.nextafter(one, one.detach()).sum(), one)  # given a gradient, torch loads sympy
        except (NotImplementedError, RuntimeError):
            return True
    return False


if _nextafter_refuses():
    UNWRITTEN |= words("nextafter nextafter_")
_NONE = _UNDEFINED | UNWRITTEN
# Steps: a derivative, and it is zero wherever it is defined.
_ZERO = words("round floor ceil trunc fix sign sgn angle round_ floor_ ceil_ trunc_ fix_ sign_ sgn_")
_ZERO_FOR_REALS = words("sgn sgn_ angle")  # complex numbers turn, and that has a derivative
# Some outputs have none: permutations, signs, ranks, and statistics that were saved for backward.
_NONE_AT: dict[str, frozenset[int]] = {
    "linalg.lu": frozenset([0]),
    "lu_unpack": frozenset([0]),
    "slogdet": frozenset([0]),
    "linalg.slogdet": frozenset([0]),
    "linalg.lstsq": frozenset([2, 3]),
    "native_batch_norm": frozenset([1, 2]),
    "_native_batch_norm_legit": frozenset([1, 2]),
    "_batch_norm_with_update": frozenset([1, 2, 3]),
    "native_layer_norm": frozenset([1, 2]),
    "native_group_norm": frozenset([1, 2]),
}
_NONE_AT_FOR_REALS = words("slogdet linalg.slogdet")
# An argument decides: rounding division, counting norms, scatter that multiplies, an index that is sparse and weighted.
_DIVISIONS, _NORMS = words("div div_ divide divide_"), words("norm vector_norm")
_SCATTERS, _LOOKUPS = words("scatter scatter_"), words("embedding embedding_bag")
_SECOND_ALONE = words("igamma igamma_ igammac igammac_ gammainc gammaincc zeta")  # unwritten for the first argument
_BY_ARGUMENT = _DIVISIONS | _NORMS | _SCATTERS | _LOOKUPS | _SECOND_ALONE

# Which of the tensors given have a say in the values of the result (all, where nothing is said).
# A deep copy is told of all that was copied before it, its memo.
_FIRST_ONLY = words("__deepcopy__ expand_as view_as reshape_as type_as to resize_as_ max_pool2d_with_indices_backward")
_OVERWRITES = words("fill fill_ zero zero_ copy_")
# Each output is its own input in another shape.
_PAIRWISE = words("broadcast_tensors meshgrid atleast_1d atleast_2d atleast_3d")


@dataclass(frozen=True, slots=True)
class Derivative:
    """What an operation does to gradients between floating-point values, by its nature."""

    cut: str | None = None  # "discrete_op": has none; "zero_gradient": has one and it is zero
    outputs: frozenset[int] = frozenset()  # the outputs it holds for; empty: all of them
    last_input: int | None = None  # it holds for the tensors given up to this place; None: for all of them
    reals_only: bool = False  # complex values have a derivative
    by_argument: bool = False  # an argument decides: see `decided`
    first_only: bool = False  # the first tensor's values go into the result, the others give a shape
    overwrites: bool = False  # the first tensor's values do not go into the result, the others do
    pairwise: bool = False  # each output comes from the input in its place alone

    @property
    def asks_arguments(self) -> bool:
        """Whether more than the operation's name must be known to tell which gradients pass."""
        return self.by_argument or self.first_only or self.overwrites or self.pairwise

    def read(self, tensors: list[Any]) -> list[Any]:
        """Of the tensors given, those whose values go into the result."""
        return tensors[:1] if self.first_only else tensors[1:] if self.overwrites else tensors

    def cut_at(self, source: int, output: int, *, is_complex: bool) -> str | None:
        """The kind of cut between one of the tensors given and one of the outputs, None where a gradient passes."""
        beyond = self.last_input is not None and source > self.last_input
        if self.cut is None or beyond or (self.reals_only and is_complex):
            return None
        return self.cut if not self.outputs or output in self.outputs else None


DIFFERENTIABLE = Derivative()


def derivative_of(name: str, title: str) -> Derivative:
    """What is known of an operation by its name ("slogdet") and title ("torch.linalg.slogdet")."""
    path = title.removeprefix("torch.").removeprefix("Tensor.").removeprefix("ops.aten.")
    if name not in _KNOWN and path not in _NONE_AT:
        return DIFFERENTIABLE
    cut, outputs = None, frozenset[int]()
    if name in _ZERO:
        cut = "zero_gradient"
    elif name in _NONE:
        cut = "discrete_op"
    elif path in _NONE_AT:
        cut, outputs = "discrete_op", _NONE_AT[path]
    return Derivative(
        cut=cut,
        outputs=outputs,
        reals_only=name in _ZERO_FOR_REALS or path in _NONE_AT_FOR_REALS,
        by_argument=name in _BY_ARGUMENT,
        first_only=name in _FIRST_ONLY,
        overwrites=name in _OVERWRITES,
        pairwise=name in _PAIRWISE,
    )


UNWRITTEN |= _SECOND_ALONE
_KNOWN = _NONE | _ZERO | _BY_ARGUMENT | _FIRST_ONLY | _OVERWRITES | _PAIRWISE


def decided(derivative: Derivative, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Derivative:
    """The derivative that an operation has with these very arguments."""
    if name in _DIVISIONS:
        return derivative if kwargs.get("rounding_mode") is None else replace(derivative, cut="zero_gradient")
    if name in _SECOND_ALONE:
        given = kwargs.get("input", args[0] if args else None)
        scalar = isinstance(given, int | float)  # then the first tensor is the second argument
        return derivative if scalar else replace(derivative, cut="discrete_op", last_input=0)
    if name in _LOOKUPS:  # of ids and table, not of weights per sample
        refuses = _refuses_lookup(name, args, kwargs)
        return replace(derivative, cut="discrete_op", last_input=1) if refuses else derivative
    if name in _NORMS:
        order = kwargs.get("p", kwargs.get("ord", args[1] if len(args) > 1 else None))
        refuses = isinstance(order, int | float) and order == 0  # it counts
    else:
        refuses = kwargs.get("reduce") is not None or len(args) > 4
    return replace(derivative, cut="discrete_op") if refuses else derivative


def _refuses_lookup(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether an embedding's backward raises: gradients that are sparse cannot be scaled by frequency."""

    def option(key: str, place: int) -> Any:
        return kwargs.get(key, args[place] if len(args) > place else None)

    bag = name == "embedding_bag"
    weighted, sparse = option("scale_grad_by_freq", 5), option("sparse", 7 if bag else 6)
    return bool(weighted and sparse) and not (bag and option("mode", 6) == "max")
