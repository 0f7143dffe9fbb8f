"""What is known of torch's functions by name: which carry values, which leave tensors, which have no derivative."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import torch

from gradcheck_lm.flow.operations.derivatives import (
    DIFFERENTIABLE,
    Derivative,
    decided,
    derivative_of,
    words,
)

MULTIPLICATIONS = words("mul mul_ __mul__ __rmul__ multiply")
# of a prediction and what it is held against, element by element or class by class
LOSSES = words(
    """
    cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss kl_div binary_cross_entropy
    binary_cross_entropy_with_logits multilabel_soft_margin_loss soft_margin_loss poisson_nll_loss
    """
)

# Facts about a tensor, not about its values: nothing flows through them.
_METADATA = words(
    """
    size dim numel nelement stride is_contiguous is_floating_point is_complex is_signed is_tensor element_size data_ptr
    storage untyped_storage get_device ndimension __len__ __hash__ __dir__ is_set_to is_shared is_pinned
    register_hook register_post_accumulate_grad_hook retain_grad is_storage result_type can_cast has_names is_same_size
    is_inference is_neg is_conj _is_view __dlpack_device__ promote_types is_grad_enabled
    is_inference_mode_enabled is_autocast_enabled _get_tracing_state _has_compatible_shallow_copy_type is_coalesced
    dim_order share_memory_ _assert_async shape.__get__ dtype.__get__ device.__get__ requires_grad.__get__
    is_leaf.__get__ grad_fn.__get__ layout.__get__ ndim.__get__ is_sparse.__get__ is_cuda.__get__ is_cpu.__get__
    is_mps.__get__ is_meta.__get__ is_quantized.__get__ is_nested.__get__ is_xpu.__get__ is_mkldnn.__get__
    is_sparse_csr.__get__ _version.__get__ _base.__get__ output_nr.__get__ name.__get__ names.__get__ itemsize.__get__
    nbytes.__get__ is_vulkan.__get__ is_xla.__get__ retains_grad.__get__ _backward_hooks.__get__ _backward_hooks.__set__
    _grad.__get__ grad_dtype.__get__ _post_accumulate_grad_hooks.__get__ grad.__set__ grad.__delete__
    _has_symbolic_sizes_strides.__get__ _record_function_enter_new _record_function_exit._RecordFunction __repr__
    __format__ __str__ __reduce__ broadcast_shapes
    """
)
# The result copies shape, dtype or device of an argument and none of its values.
_SHAPE_ONLY = words(
    """
    zeros_like ones_like empty_like rand_like randn_like randint_like full_like new_zeros new_ones new_empty new_full
    new_empty_strided new empty_strided
    """
)
# A value leaves tensors for Python or NumPy.
_EXPORTS = words(
    """
    item tolist numpy __float__ __int__ __bool__ __index__ __array__ __complex__ __dlpack__ is_nonzero equal allclose
    __contains__ storage_offset
    """
)
_BRANCHES = frozenset(["__bool__", "is_nonzero", "equal", "allclose", "__contains__"])  # they steer the program
# A new tensor is made from values given.
_FACTORIES = words(
    """
    tensor as_tensor asarray new_tensor scalar_tensor from_numpy frombuffer full new_full full_like sparse_coo_tensor
    complex fill_ __deepcopy__
    """
)
_COPIES = frozenset(["tensor", "as_tensor", "asarray", "new_tensor", "scalar_tensor", "__deepcopy__"])
_DETACH = frozenset(["alias", "detach", "detach_", "data.__get__", "data.__set__", "grad.__get__"])
_SAMPLING = words(
    """
    multinomial bernoulli bernoulli_ poisson binomial normal normal_ _standard_gamma _sample_dirichlet cauchy_
    exponential_ geometric_ log_normal_ random_ uniform_
    """
)
_CASTS = frozenset(["long", "int", "to", "type", "short", "byte", "char", "bool", "type_as", "_to_copy"])
_GRADIENT = frozenset(["torch.autograd.grad"])
# What gives other values each time; the first are so in training alone.
DROPOUTS = words("dropout alpha_dropout dropout1d dropout2d dropout3d feature_alpha_dropout feature_dropout")
_DRAWN = words("rand randn rand_like randn_like randint randint_like randperm rrelu gumbel_softmax")
RANDOM = _SAMPLING | DROPOUTS | _DRAWN


@dataclass(frozen=True, slots=True)
class Operation:
    """A torch function by name, with what the recorder must know of it."""

    name: str  # "argmax", "data.__get__"
    title: str  # "torch.Tensor.argmax"
    skip: bool  # nothing flows through it
    export: bool
    branch: bool
    factory: bool
    shape_only: bool
    in_place: bool
    marks_leaf: bool  # requires_grad_() and its setter
    grad_mode: bool
    derivative: Derivative = DIFFERENTIABLE

    def is_ordinary(self) -> bool:
        """New values from the values given, and nothing else: what nearly every call is."""
        special = self.skip or self.export or self.factory or self.shape_only or self.in_place or self.grad_mode
        special = special or self.name in RANDOM
        return not (special or self.derivative.asks_arguments or self.name == "empty")  # torch.load fills empty tensors


def describe(func: Callable[..., Any]) -> Operation:
    """Name `func` without torch's override table, whose first use takes a second."""
    name, title = _names(func)
    in_place = (name.endswith("_") and not name.endswith("__")) or name in ("__setitem__", "data.__set__")
    in_place = in_place or (name.startswith("__i") and name.endswith("__") and name not in ("__int__", "__index__"))
    in_place = in_place and name not in ("__invert__", "__iter__")
    return Operation(
        name=name,
        title=title,
        skip=name in _METADATA,
        export=name in _EXPORTS,
        branch=name in _BRANCHES,
        factory=name in _FACTORIES,
        shape_only=name in _SHAPE_ONLY,
        in_place=in_place or name in ("requires_grad.__set__",),
        marks_leaf=name in ("requires_grad_", "requires_grad.__set__"),
        grad_mode=name == "_set_grad_enabled",
        derivative=derivative_of(name, title),
    )


def _names(func: Callable[..., Any]) -> tuple[str, str]:
    name = getattr(func, "__name__", None) or type(func).__name__
    if name in ("__get__", "__set__", "__delete__"):  # a property of Tensor
        owner = getattr(getattr(func, "__self__", None), "__name__", "?")
        return f"{owner}.{name}", f"torch.Tensor.{owner}"
    if getattr(func, "__objclass__", None) is not None:
        return name, f"torch.Tensor.{name}"
    module = getattr(func, "__module__", None) or ""
    if module == "torch._tensor":
        return name, f"torch.Tensor.{name}"
    for family in ("linalg", "special", "fft"):
        if module == f"torch._C._{family}":
            return name.removeprefix(family + "_"), f"torch.{family}.{name.removeprefix(family + '_')}"
    if module == "torch._C._nn":
        return name, f"torch.nn.functional.{name}"
    if module == "torch._ops.aten":
        return name.split(".")[0], f"torch.ops.aten.{name}"
    if module in ("torch.functional", "torch._C", "torch._VF", ""):
        module = "torch"
    return name, f"{module}.{name}"


def with_arguments(operation: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Operation:
    """The operation as it is with these very arguments: torch.div(a, b, rounding_mode="floor") is a staircase."""
    if not operation.derivative.by_argument:
        return operation
    return replace(operation, derivative=decided(operation.derivative, operation.name, args, kwargs))


def kind_of_cut(
    operation: Operation,
    *,
    from_float: bool,
    to_float: bool,
    is_complex: bool = False,
    source: int = 0,
    output: int = 0,
) -> str | None:
    """The kind of cut an operation is by its nature; None where it has a derivative.

    `source` and `output`: which of the tensors given and of the results, where that makes a difference.
    """
    name = operation.name
    if operation.title in _GRADIENT:
        return None
    if operation.marks_leaf:
        return "new_leaf"
    if not from_float:  # whole numbers carried no gradient to begin with: only a new start is a new cut
        return "new_leaf" if name in _COPIES else None
    if name in _COPIES:
        return "new_leaf"
    if name in _SAMPLING:
        return "sampling"
    if name in _DETACH:
        return "detach"
    if not to_float:
        return "integer_cast" if name in _CASTS else "discrete_op"
    return operation.derivative.cut_at(source, output, is_complex=is_complex)


def is_lasting(func: Callable[..., Any]) -> bool:
    """Whether a function of torch lives as long as torch: C's do, and those that a module of torch holds by name."""
    if not isinstance(func, FunctionType):
        return True
    return (
        getattr(sys.modules.get(func.__module__), func.__name__, None) is func
        or getattr(torch.Tensor, func.__name__, None) is func
    )
