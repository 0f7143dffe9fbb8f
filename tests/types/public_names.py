"""Every public name, as mypy and pyright see it: `make check` reads this file, nothing runs it.

`# type: ignore` marks what a checker must refuse; where it no longer does, both say that the mark is not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, assert_type

from torch import Tensor, nn

import gradcheck_lm as gc
from gradcheck_lm import draw, flow, htr, lm, penalties
from gradcheck_lm.flow.history import History


def the_debugger(model: nn.Module, loss: Tensor) -> None:
    diagnosis = gc.diagnose(lambda: {"ctc": loss}, wrt=model, counterfactual=False, time_limit=10.0)
    assert_type(diagnosis, gc.Diagnosis)
    assert_type(diagnosis.ok, bool)
    assert_type(diagnosis.findings, tuple[gc.Finding, ...])
    assert_type(diagnosis.terms, dict[str, gc.Term])
    assert_type(diagnosis.terms["ctc"].gradient_norm, float)
    assert_type(diagnosis.graph, flow.FlowGraph)
    assert_type(diagnosis.graph.nodes, tuple[flow.FlowNode, ...])
    assert_type(diagnosis.to_json(), str)
    assert_type(diagnosis.save_graph("graph.svg"), Path)
    assert_type(diagnosis.findings[0].columns, tuple[int, int] | None)
    assert_type(diagnosis.what_if(diagnosis.findings[0]), gc.WhatIf)
    assert_type(diagnosis.what_if(diagnosis.findings[0]).next_cut, gc.Finding | None)
    assert_type(flow.KINDS["discrete_op"], flow.Kind)

    with gc.record() as run:
        assert_type(run, gc.Run)
    assert_type(run.diagnose(loss, wrt=model), gc.Diagnosis)
    assert_type(gc.assert_gradient_flows(loss, model), gc.Diagnosis)
    comparison = gc.compare_gradients(lambda: loss, model, seed=1)
    assert_type(comparison, gc.Comparison)
    assert_type(comparison.verdict, str)
    attribution = gc.attribute({"ctc": loss}, wrt=model, depth=2)
    assert_type(attribution, gc.Attribution)
    assert_type(attribution.dead, tuple[str, ...])
    meter = gc.Attributor(model)
    meter.add({"ctc": loss})
    assert_type(meter.result(), gc.Attribution)

    with gc.record_steps(model) as steps:
        assert_type(steps, gc.StepRun)
    assert_type(steps.diagnose(), gc.StepReport)
    report = gc.diagnose_step(lambda: None, model, None, steps=2)
    assert_type(report, gc.StepReport)
    assert_type(report.findings, tuple[gc.Finding, ...])
    assert_type(report.ledger, flow.Ledger)

    watch: gc.GradientWatch = gc.GradientWatch(model, every=10)
    with watch.recording():
        assert_type(watch.history[:2], History)
        assert_type(watch.history[0], dict[str, Any])
    assert_type(watch.due, bool)
    assert_type(gc.__version__, str)
    try:
        gc.diagnose(lambda: loss, wrt=model)
    except gc.GradientFlowError as error:
        assert_type(error.diagnosis, object | None)
    except gc.GradcheckLMError as error:
        assert_type(str(error), str)


def what_a_checker_refuses(model: nn.Module, loss: Tensor) -> None:
    gc.diagnos(lambda: loss, wrt=model)  # type: ignore[attr-defined]
    gc.diagnose(lambda: loss)  # type: ignore[call-arg]
    gc.diagnose(loss, wrt=model)  # type: ignore[arg-type]
    gc.GradientWatch(model, every="ten")  # type: ignore[arg-type]
    draw.save_grap(gc.diagnose(lambda: loss, wrt=model), "graph.svg")  # type: ignore[attr-defined]
    htr.CRNNN()  # type: ignore[attr-defined]


def the_pictures(diagnosis: gc.Diagnosis, losses: list[float], loss: Tensor) -> None:
    assert_type(draw.diagnosis_text(diagnosis), str)
    draw.print_diagnosis(diagnosis, console=draw.console())
    assert_type(draw.flow_dot(diagnosis), str)
    assert_type(draw.save_graph(diagnosis, "graph.svg"), Path)
    assert_type(draw.side_by_side(diagnosis, diagnosis), str)
    assert_type(draw.render("digraph {}", "graph.svg"), Path)
    assert_type(draw.autograd_dot(loss), str)
    assert_type(draw.save_autograd({"ctc": loss}, "autograd.svg"), Path)
    draw.console().print(draw.FlowTree(diagnosis), draw.autograd_tree(loss), draw.table("title", ["a"], [[1]]))
    series = draw.Series(range(len(losses)), losses)
    panel = draw.Panel("loss", "step", "nats", {"ctc": series}, log_y=True)
    assert_type(draw.save_curves("curves.svg", [panel]), Path)
    with draw.progress("training", 10) as advance:
        advance()
    report: draw.Report = draw.Report(title="arms")
    experiments: list[draw.Experiment] = list(report.experiments)
    examples: list[draw.Example] = list(report.examples)
    assert_type(draw.save_page("report.html", report), Path)
    print(experiments, examples)


def the_recogniser(images: Path, logits: Tensor, charset: htr.Charset) -> None:
    model = htr.build_crnn("small", classes=80)
    assert_type(model, htr.CRNN)
    assert_type(model.config, htr.CRNNConfig)
    assert_type(htr.count_parameters(model), int)
    assert_type(htr.greedy_decode(logits, charset), list[str])
    for line in htr.open_lines(images):
        assert_type(line, htr.Line)


def the_language_model(charset: htr.Charset, logits: Tensor) -> None:
    model = lm.load_language_model("char")
    assert_type(model, lm.LanguageModel | lm.NgramModel)
    any_model: lm.AnyLanguageModel = model
    penalty = penalties.make_penalty("policy_gradient", any_model, charset, samples=4)
    assert_type(penalty, penalties.Penalty)
    output: penalties.PenaltyOutput = penalty(logits, ["disc"])
    assert_type(output.loss, Tensor)
    assert_type(penalties.PENALTIES["argmax"], type[penalties.Penalty])
    objective: Callable[..., Any] = penalties.Objective
    print(objective, penalties.OBJECTIVES, penalties.REDUCTIONS)


NAMES_ALONE = (
    htr.HELD_OUT_HANDS,
    htr.TRAINING_HANDS,
    htr.Hand,
    htr.LineLogits,
    htr.LineSet,
    htr.SyntheticLines,
    htr.align,
    htr.collapse_paths,
    htr.hands,
    htr.load_checkpoint,
    htr.load_sentences,
    htr.prefix_beam,
    htr.read_images,
    htr.read_labels_tsv,
    htr.read_logits,
    htr.render_line,
    htr.sample_distinct_paths,
    htr.sample_paths,
    htr.save_checkpoint,
    htr.segment_posteriors,
    htr.string_log_prob,
    htr.to_batch,
    htr.write_labels_tsv,
    flow.Run,
    flow.assert_gradient_flows,
    flow.compare_gradients,
)
