"""Diagnoses made by hand, for the tests of the pictures: every kind of node, hostile texts, and large graphs."""

from __future__ import annotations

import dataclasses
from typing import Any

from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding, FlowGraph, FlowNode, Term

HOSTILE = "<script>alert(1)</script>"


class GraphBuilder:
    """Adds nodes in order and remembers edges."""

    def __init__(self) -> None:
        self.nodes: list[FlowNode] = []
        self.edges: list[tuple[int, int]] = []

    def add(self, role: str, state: str, label: str, *inputs: int, **fields: Any) -> int:
        number = len(self.nodes)
        self.nodes.append(FlowNode(number, role, state, label, **fields))
        self.edges += [(one, number) for one in inputs]
        return number

    def graph(self) -> FlowGraph:
        return FlowGraph(tuple(self.nodes), tuple(sorted(self.edges)))


def finding(kind: str, op: str, line: int, source: str, node: int, **fields: Any) -> Finding:
    about = KINDS[kind]
    settings: dict[str, Any] = {
        "function": "decode",
        "certainty": "certain",
        "severity": "error",
        "term": "lm",
    } | fields
    return Finding(
        kind=kind, code=about.code, op=op, file="train.py", line=line, source=source, why=about.why, cures=about.cures,
        node=node, **settings,
    )  # fmt: skip


def _recogniser(build: GraphBuilder) -> int:
    both = {"terms": ("ctc", "lm"), "requires_grad": True}
    weights = [
        build.add("wrt", "live", name, gradient_norm=norm, shape=shape, dtype="float32", **both)
        for name, norm, shape in (
            ("cnn.0.weight", 0.25, (16, 1, 3, 3)),
            ("cnn.0.bias", 0.02, (16,)),
            ("head.weight", 1.5, (80, 16)),
            ("head.bias", 0.5, (80,)),
        )
    ]
    conv = build.add(
        "op", "live", "conv2d", *weights[:2], op="torch.conv2d", module="Model.cnn.0", file="model.py", line=10,
        shape=(4, 16, 32, 64), dtype="float32", gradient_norm=0.25, **both,
    )  # fmt: skip
    relu = build.add(
        "op", "live", "relu", conv, op="torch.relu", module="Model.cnn.1", file="model.py", line=10, **both
    )
    return build.add(
        "op", "live", "linear", relu, *weights[2:], op="torch.nn.functional.linear", module="Model.head",
        file="model.py", line=14, shape=(64, 4, 80), dtype="float32", gradient_norm=1.0, **both,
    )  # fmt: skip


def _ctc(build: GraphBuilder, logits: int) -> None:
    only = {"terms": ("ctc",), "requires_grad": True, "file": "train.py", "line": 40}
    log_softmax = build.add("op", "live", "log_softmax", logits, op="torch.log_softmax", **only)
    loss = build.add("op", "live", "ctc_loss", log_softmax, op="torch.nn.functional.ctc_loss", **only)
    build.add("term", "live", "ctc", loss, terms=("ctc",), requires_grad=True)


NAMES = ("cnn.0.weight", "cnn.0.bias", "head.weight", "head.bias")
CTC = Term("ctc", 4.631, True, NAMES, False, 2.0816)


def broken(text: str = "") -> Diagnosis:
    """The story's broken arm; `text` goes into every place that can hold one."""
    build = GraphBuilder()
    logits = _recogniser(build)
    dead = {"terms": ("lm",), "file": "train.py"}
    argmax = build.add(
        "op",
        "cut",
        "argmax",
        logits,
        op="torch.Tensor.argmax",
        line=22,
        shape=(64, 4),
        dtype="int64",
        finding=0,
        **dead,
    )
    numpy = build.add("op", "cut", "numpy", argmax, op="torch.Tensor.numpy", line=22, finding=1, **dead)
    host = build.add("host", "beyond", f"ndarray{text}", numpy, terms=("lm",))
    last = -1
    for round_ in range(3):  # a loop over lines: only its first round is marked
        tensor = build.add(
            "source", "cut" if round_ == 0 else "beyond", "tensor", host, op="torch.tensor", line=27, shape=(1, 12),
            dtype="int64", finding=2 if round_ == 0 else None, **dead,
        )  # fmt: skip
        embedding = build.add(
            "op", "beyond", "embedding", tensor, op="torch.embedding", line=29, module=f"LM{text}.wte", **dead
        )
        entropy = build.add(
            "op", "cut" if round_ == 0 else "beyond", "cross_entropy", embedding,
            op="torch.nn.functional.cross_entropy",
            line=29, finding=3 if round_ == 0 else None, **dead,
        )  # fmt: skip
        inputs = (entropy, last) if last >= 0 else (entropy,)
        last = build.add("op", "beyond", "__add__", *inputs, op="torch.Tensor.__add__", line=29, **dead)
    _ctc(build, logits)
    build.add("term", "beyond", "lm", last, terms=("lm",))
    line = f"    ids = logits.argmax(-1).cpu().numpy(){text}"
    findings = (
        finding("discrete_op", "torch.Tensor.argmax", 22, line, argmax, columns=(10, 27)),
        finding("left_torch", "torch.Tensor.numpy", 22, line, numpy, columns=(10, 41), certainty="confirmed"),
        finding(
            "new_leaf", "torch.tensor", 27, "        ids = torch.tensor([[ord(c) for c in text]])", host + 1,
            columns=(14, 51), function=f"lm_loss{text}", certainty="confirmed",
        ),
        finding(
            "grad_disabled", "torch.nn.functional.cross_entropy", 29,
            "            total = total + lm(ids, labels=ids).loss",
            host + 3, function="lm_loss", scope=("train.py", 28),
        ),
    )  # fmt: skip
    terms = {"ctc": CTC, "lm": Term("lm", 0.2137, False, (), True, 0.0)}
    notes = (f"The language model was asked twice more with a changed reading{text}.",)
    return Diagnosis(False, findings, terms, (), (), build.graph(), notes, NAMES)


def fixed() -> Diagnosis:
    """The same step with soft embeddings."""
    build = GraphBuilder()
    logits = _recogniser(build)
    alive = {"terms": ("lm",), "requires_grad": True, "file": "train.py"}
    softmax = build.add("op", "live", "softmax", logits, op="torch.softmax", line=50, gradient_norm=0.03, **alive)
    embedding = build.add("op", "live", "matmul", softmax, op="torch.matmul", line=51, module="LM.wte", **alive)
    entropy = build.add(
        "op", "live", "cross_entropy", embedding, op="torch.nn.functional.cross_entropy", line=52, **alive
    )
    _ctc(build, logits)
    build.add("term", "live", "lm", entropy, terms=("lm",), requires_grad=True)
    terms = {"ctc": CTC, "lm": Term("lm", 0.2137, True, NAMES, False, 0.031)}
    return Diagnosis(True, (), terms, (), (), build.graph(), (), NAMES)


def unreached() -> Diagnosis:
    """No dead term, but some parameters get nothing: one whole module frozen, one bias with a gradient of 0."""
    build = GraphBuilder()
    names = [f"encoder.layers.{i}.{part}" for i in range(12) for part in ("weight", "bias")] + [
        "head.weight",
        "head.bias",
    ]
    for name in names:
        live = name.startswith("head")
        norm = {"head.weight": 0.5, "head.bias": 0.0}.get(name)
        build.add("wrt", "live" if live else "cut", name, requires_grad=live, terms=("loss",), gradient_norm=norm)
    linear = build.add(
        "op", "live", "linear", *range(len(names)), op="torch.linear", file="train.py", line=3, terms=("loss",)
    )
    build.add("term", "live", "loss", linear, terms=("loss",), requires_grad=True)
    frozen = finding("frozen", "torch.nn.Parameter", 1, "", 0, term=None, tensors=tuple(names[:24]), function="")
    terms = {"loss": Term("loss", 1.25, True, ("head.weight",), False, 0.5)}
    return Diagnosis(False, (frozen,), terms, tuple(names[:24]), ("head.bias",), build.graph(), (), tuple(names))


def large(operations: int, *, modules: int = 40, lines: int = 6) -> Diagnosis:
    """A deep network: residual blocks over and over, in nested modules, from one file."""
    build = GraphBuilder()
    fields: dict[str, Any] = {"terms": ("loss",), "requires_grad": True, "file": "net.py"}
    stream = build.add("wrt", "live", "stem.weight", gradient_norm=1.0, terms=("loss",), requires_grad=True)
    for i in range(operations // 2):
        module = f"Net.blocks.{i * modules // max(1, operations // 2)}.{'attention' if i % 2 else 'mlp'}"
        inner = build.add(
            "op", "live", f"op{i % 7}", stream, op="torch.op", module=module, line=10 + i % lines, **fields
        )
        stream = build.add("op", "live", "add", stream, inner, op="torch.add", module=module, line=9, **fields)
    build.add("term", "live", "loss", stream, terms=("loss",), requires_grad=True)
    return Diagnosis(
        True,
        (),
        {"loss": Term("loss", 1.0, True, ("stem.weight",), False, 1.0)},
        (),
        (),
        build.graph(),
        (),
        ("stem.weight",),
    )


def harmless() -> Diagnosis:
    """The broken diagnosis with its findings turned into notes."""
    sample = broken()
    notes = tuple(dataclasses.replace(one, severity="note") for one in sample.findings)
    terms = {name: dataclasses.replace(term, dead=False) for name, term in sample.terms.items()}
    return dataclasses.replace(sample, ok=True, findings=notes, terms=terms, unreached=(), zero=())
