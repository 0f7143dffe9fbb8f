"""docs/estimators.md: each penalty's gradient against the exact one, on problems small enough to enumerate."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.bench.penalties.enumeration import Problem, make_problem
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.penalties import PENALTIES, make_penalty

FRAMES, CHARACTERS = 5, "abc"
SCALES = {"unsure": 1.0, "sure": 3.0}
OBJECTIVES = ("hinge", "score", "sum", "ratio")
RESAMPLES = 2000

# the penalties as they come, and the options whose bias or noise a reader will want to see beside them
CASES: list[tuple[str, dict[str, Any]]] = [
    ("soft_embedding", {}),
    ("straight_through", {}),
    ("gumbel_softmax", {}),
    ("gumbel_softmax", {"tau": 0.3}),
    ("minimum_risk", {}),
    ("minimum_risk", {"alpha": 1.0}),
    ("minimum_risk", {"proposals": "beam"}),
    ("minimum_risk", {"proposals": "beam", "alpha": 1.0}),
    ("local_expectation", {}),
    ("local_expectation", {"alternatives": 1}),
    ("local_expectation", {"alternatives": None, "threshold": 0.0}),
    ("policy_gradient", {}),
    ("policy_gradient", {"self_normalise": True, "temperature": 2.0}),
    ("policy_gradient", {"normalise_advantage": True}),
    ("policy_gradient", {"replacement": False}),
    ("policy_gradient", {"proposals": "beam"}),
    ("policy_gradient_path", {}),
    ("relax", {}),
    ("relax", {"strength": 0.0}),
    ("nbest_ctc", {"proposals": "beam"}),
    ("hidden_states", {}),
]


@dataclass(frozen=True)
class Measured:
    """One penalty on one problem. cosine and bias are of its mean; `noise` is what the draws leave uncertain of both.

    Attributes:
        cosine: between the mean gradient and the exact one; 0 where the mean is exactly 0.
        bias: length of mean - exact over the length of exact, with the noise of the draws taken out.
        spread: root of the total variance of a single draw, over the length of exact.
        blank: share of the mean's energy on the blank's column.
        noise: standard error of the mean, over the length of exact.
        calls: texts sent to the language model for a line.
    """

    cosine: float
    bias: float
    spread: float
    blank: float
    noise: float
    calls: float


def write_estimators(
    out: str | Path, *, problems: int = 12, draws: int = 4000, progress: Callable[[str], None] = lambda _: None
) -> Path:
    """Measure every case and write estimators.md into `out`; gives its path."""
    tables: dict[tuple[str, str], dict[str, list[Measured]]] = {}
    for objective in OBJECTIVES:
        for sure, scale in SCALES.items():
            progress(f"objective {objective}, a recogniser that is {sure}")
            tables[objective, sure] = measure_all(objective, scale, problems=problems, draws=draws)
    return write_text_atomic(Path(out) / "estimators.md", page(tables, problems=problems, draws=draws))


def measure_all(objective: str, scale: float, *, problems: int, draws: int) -> dict[str, list[Measured]]:
    """Every case on the same problems."""
    found: dict[str, list[Measured]] = {}
    chosen = usable_problems(objective, scale, problems)
    for name, options in CASES:
        if objective in PENALTIES[name].objectives:
            found[label(name, options)] = [measure(problem, name, options, draws) for problem in chosen]
    return found


def usable_problems(objective: str, scale: float, count: int) -> list[Problem]:
    """The first problems by seed whose exact gradient is not 0, which the hinge makes it where the label is dearest."""
    found: list[Problem] = []
    seed = 0
    while len(found) < count:
        problem = make_problem(
            seed,
            frames=FRAMES,
            characters=CHARACTERS,
            scale=scale,
            # the toy model's `score` may be a sum too, so that f is one for every penalty alike
            objective="score" if objective == "sum" else objective,
            whole=objective == "sum",
        )
        if problem.exact[1].norm() > 1e-3:
            found.append(problem)
        seed += 1
    return found


def measure(problem: Problem, name: str, options: dict[str, Any], draws: int) -> Measured:
    """One penalty on one problem; those without draws are asked once."""
    penalty = make_penalty(name, problem.language_model, problem.charset, objective=problem.objective, **options)
    # without samples every copy of the line says the same
    gradients = problem.gradients(penalty, draws if "samples" in type(penalty).options() else 2, seed=1)
    one = make_penalty(name, problem.language_model, problem.charset, objective=problem.objective, **options)
    calls = one(problem.logits.clone().requires_grad_(), [problem.label]).lm_calls
    return compare(gradients, problem.exact[1], classes=problem.logits.shape[2], calls=calls)


def compare(gradients: Tensor, exact: Tensor, *, classes: int, calls: float) -> Measured:
    """Figures of gradients (M, T * C) against the exact one (T * C,)."""
    mean, length = gradients.mean(0), exact.norm()
    variance = gradients.var(0).sum()
    error = variance / len(gradients)
    squared = (mean - exact).square().sum() - error
    energy = mean.view(-1, classes).square().sum(0)
    return Measured(
        cosine=float(mean @ exact / (mean.norm() * length).clamp_min(1e-300)),
        bias=float(squared.clamp_min(0).sqrt() / length),
        spread=float(variance.sqrt() / length),
        blank=float(energy[0] / energy.sum().clamp_min(1e-300)),
        noise=float(error.sqrt() / length),
        calls=float(calls),
    )


def interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the median over problems."""
    generator = torch.Generator().manual_seed(seed)
    table = torch.tensor(values, dtype=torch.float64)
    picks = torch.randint(len(values), (RESAMPLES, len(values)), generator=generator)
    medians = table[picks].quantile(0.5, dim=1)
    return float(medians.quantile(0.025)), float(medians.quantile(0.975))


def label(name: str, options: dict[str, Any]) -> str:
    """A case as a reader would write it."""
    said = ", ".join(f"{key}={value!r}" for key, value in options.items())
    return f"{name}({said})" if said else name


def page(tables: dict[tuple[str, str], dict[str, list[Measured]]], *, problems: int, draws: int) -> str:
    """The tables as Markdown."""
    lines = [
        "# Each way of getting the gradient, against the exact one",
        "",
        f"Generated by `python -m gradcheck_lm.bench estimators --problems {problems} --draws {draws}`.",
        "",
        f"Random problems of {FRAMES} frames and {len(CHARACTERS) + 1} classes: all {(len(CHARACTERS) + 1) ** FRAMES} "
        "paths are enumerated, so the expected penalty's gradient is known exactly. The language model is a causal "
        "character model of random numbers, so magnitudes need not carry over to a real one; signs of bias do. A "
        f"figure is the median over {problems} problems, in brackets its 95 % bootstrap interval over problems; random "
        f"estimators are drawn {draws} times for each problem.",
        "",
        "- **cosine**: between the estimator's mean and the exact gradient; **least**: on its worst problem. An "
        "unbiased one has 1, less the noise that is left in the mean.",
        "- **bias**: length of mean - exact, over the length of exact, the noise of the draws taken out. **noise**: "
        "what is left of it. With `normalise_advantage` it is the length that is wrong, by design.",
        "- **spread**: root of a single draw's variance, over the length of exact. **blank**: share of the gradient's "
        "energy on the blank: with 0 it can learn neither an insertion nor a deletion. **LM**: texts asked for a line.",
        "",
        "`argmax` has no gradient. `ngram_expectation` is exact for the sum of an n-gram's costs, and checked against "
        "the same enumeration to rounding in the tests; it has no other objective. `hidden_states` and "
        "`nbest_ctc` are other objectives, so their cosine says what happens to the penalty while they are lowered; "
        "`nbest_ctc` learns here from the recogniser's own beam, with no language model.",
        "",
        "f of `ratio` is held against the gradient with the *exact* beta, the line's expected nats over its expected "
        "characters, held still: what the samples' own beta adds is bias. `minimum_risk` has alpha = .1 where nothing "
        "is said: it no longer weighs by the recogniser's probabilities, so on these short lines it is further off "
        "than with alpha = 1; on long lines that a recogniser is sure of, alpha = 1 leaves it no gradient "
        "([penalties](penalties.md)). With `proposals='beam'` half of `policy_gradient`'s strings are the beam's, "
        "weighed back: unbiased, and its spread says what that costs.",
    ]
    for (objective, sure), table in tables.items():
        lines += ["", f"## f = {objective}, a recogniser that is {sure} (logits of spread {SCALES[sure]:g})", ""]
        lines += ["| penalty | claims | cosine | least | bias | noise | spread | blank | LM |", "|" + "---|" * 9]
        for case, rows in table.items():
            lines.append(_row(case, rows))
    return "\n".join(lines) + "\n"


def _row(case: str, rows: list[Measured]) -> str:
    kind = _claim(case)
    cosines, biases = [row.cosine for row in rows], [row.bias for row in rows]

    def median(key: str) -> float:
        return statistics.median(getattr(row, key) for row in rows)

    return (
        f"| `{case}` | {kind} | {_with_interval(cosines)} | {min(cosines):.2f} | {_with_interval(biases)} "
        f"| {median('noise'):.3f} | {median('spread'):.2f} | {100 * median('blank'):.0f} % | {median('calls'):.0f} |"
    )


def _with_interval(values: list[float]) -> str:
    low, high = interval(values)
    return f"{statistics.median(values):.3f} [{low:.3f}, {high:.3f}]"


def _claim(case: str) -> str:
    name, _, options = case.partition("(")
    if "normalise" in options:
        return "biased"
    if name == "local_expectation":
        return "unbiased" if "None" in options else "biased"
    return PENALTIES[name].kind
