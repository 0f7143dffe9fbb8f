"""The kinds of finding: the ways in which a gradient is lost, each with its code, its why and its cures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One way in which a gradient is lost.

    `code` is stable for ever and never reused; `lesson` names the course's lesson on it.
    """

    name: str
    code: str
    title: str
    why: str
    cures: tuple[str, ...]
    lesson: str


KINDS: dict[str, Kind] = {}  # filled below; the one home of kinds


def _kind(name: str, code: str, title: str, why: str, cures: tuple[str, ...], lesson: str) -> None:
    KINDS[name] = Kind(name, code, title, why, cures, lesson)


_kind(
    "discrete_op",
    "GF101",
    "an operation with no derivative",
    "The result is an index, a count or a yes/no: it stays the same under small changes and then jumps, so no "
    "derivative exists and autograd records nothing.",
    (
        "work with the probabilities instead: expected values under softmax (soft embeddings)",
        "keep the hard value forward, the soft one backward: hard + soft - soft.detach() (straight-through)",
        "torch.nn.functional.gumbel_softmax(logits, hard=True) for a sampled choice with a gradient",
        "policy gradient: reward.detach() * log_prob, where what follows may be a black box",
    ),
    "l03_why_it_cannot",
)
_kind(
    "integer_cast",
    "GF102",
    "a cast to integers",
    "Integers carry no gradient: the cast rounds every value to a step of a staircase.",
    (
        "leave the value in floating point and drop the cast",
        "if whole numbers are needed forward: x + (x.round() - x).detach() (straight-through)",
        "to look something up, weight all entries instead of indexing one",
    ),
    "l03_why_it_cannot",
)
_kind(
    "sampling",
    "GF103",
    "a random draw",
    "A draw depends on the distribution only through which value came out; its gradient to the distribution's "
    "parameters is not defined.",
    (
        "distribution.rsample() where the distribution has it (reparameterisation)",
        "torch.nn.functional.gumbel_softmax for categories",
        "policy gradient: -(reward - baseline).detach() * distribution.log_prob(sample)",
    ),
    "l10_policy_gradient",
)
_kind(
    "detach",
    "GF104",
    "a detached value",
    "The value goes on and its history does not: what follows treats it as a constant.",
    (
        "drop .detach() / .data on the way to the loss",
        "keep the detached copy for logging, the attached one for the loss",
        "for a stop-gradient target, detach the target alone, never the prediction",
    ),
    "l04_three_illnesses",
)
_kind(
    "grad_disabled",
    "GF105",
    "gradient switched off",
    "Nothing inside this scope is recorded, so no gradient passes through, not even to its inputs.",
    (
        "to keep a model's weights fixed and let gradient through: model.requires_grad_(False), without no_grad",
        "move the operation out of the scope",
        "where a library call switches it off (generate), call the model's forward itself",
    ),
    "l05_frozen_is_not_cut",
)
_kind(
    "changed_in_place",
    "GF106",
    "overwritten before backward() needed it",
    "An operation keeps this value for the backward pass, and it was overwritten in place before that: autograd "
    "refuses to compute with the wrong numbers.",
    (
        "write out of place: x = x + y instead of x += y, torch.where instead of x[mask] = value",
        "write before the operation that keeps the value, or into a clone: x = x.clone()",
        "drop inplace=True of the activation",
    ),
    "l04_three_illnesses",
)
_kind(
    "graph_used_up",
    "GF107",
    "a graph that backward() has used up",
    "The first backward() through a graph frees what it kept; another one has nothing to compute with.",
    (
        "cut what is carried from one step to the next: state = state.detach()",
        "add the losses and call backward() once",
        "loss.backward(retain_graph=True) where the same graph is meant twice",
    ),
    "l04_three_illnesses",
)
_kind(
    "left_torch",
    "GF201",
    "the value left torch",
    "A Python number, list, string or NumPy array knows nothing of autograd: whatever is computed from it is a "
    "constant to the loss.",
    (
        "stay in tensors: torch.exp for math.exp, torch functions for NumPy's, torch.stack for lists",
        "use the .item() only for printing and the tensor for the loss",
        "if strings are needed (a tokeniser), score them as a black box: policy gradient",
    ),
    "l01_broken_loss",
)
_kind(
    "new_leaf",
    "GF202",
    "a fresh tensor made from old values",
    "A new tensor starts a new graph: with requires_grad=True backward() runs without an error, and the gradient "
    "stops here.",
    (
        "torch.stack(list_of_tensors) or torch.cat instead of torch.tensor(list_of_tensors)",
        "drop .requires_grad_(True) on the loss: it silences the error and mends nothing",
        "use the tensor itself, not nn.Parameter(tensor) or a copy of it",
    ),
    "l04_three_illnesses",
)
_kind(
    "zero_gradient",
    "GF301",
    "connected, and exactly zero",
    "Autograd passes a gradient here, and it is zero everywhere: the function is flat at these values.",
    (
        "replace round, floor and sign by a straight-through form: x + (x.round() - x).detach()",
        "look at the values that enter: outside the clamp, below zero before a relu, one class in a softmax",
        "a soft form of the same function: softplus, sigmoid, leaky_relu, smooth clamp",
    ),
    "l04_three_illnesses",
)
_kind(
    "constant",
    "GF401",
    "does not depend on what you train",
    "The loss was made without the tensors asked about: an early return, an empty sum, a part never called.",
    (
        "return something computed from the model's output on this branch too, e.g. output.sum() * 0",
        "check that the module is called in forward and that its result is used",
        "check that the loss and the optimizer talk about the same model object",
    ),
    "l04_three_illnesses",
)
_kind(
    "frozen",
    "GF402",
    "a parameter that asks for no gradient",
    "requires_grad is False on the tensor itself, so autograd computes no gradient for it.",
    (
        "parameter.requires_grad_(True), before the forward pass",
        "leave it out of wrt and of the optimizer if it is meant to stay fixed",
    ),
    "l05_frozen_is_not_cut",
)
_kind(
    "custom_function",
    "GF501",
    "a custom autograd.Function that gives no gradient",
    "Its backward returns None or zeros for this input, so autograd's chain ends in it.",
    (
        "return the gradient for every tensor input of forward, in forward's order",
        "check that backward uses grad_output and that ctx.needs_input_grad is not skipped",
        "hold it against finite differences: gradcheck_lm.compare_gradients(fn, wrt)",
    ),
    "l08_straight_through",
)
_kind(
    "non_finite",
    "GF601",
    "NaN or infinity in the backward pass",
    "The gradient that enters is finite and the one that leaves is not: a derivative that explodes at these values.",
    (
        "keep away from the pole: x.clamp_min(1e-12).sqrt(), log_softmax for log(softmax)",
        "mask before the operation, not after it: torch.where keeps the NaN gradient of the branch not taken",
        "CTC: zero_infinity=True where a target is longer than its frames",
    ),
    "l04_three_illnesses",
)
