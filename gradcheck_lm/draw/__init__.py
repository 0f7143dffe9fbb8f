"""The pictures: a diagnosis in the terminal, as a graph, as a page. Reads flow's data; computes no gradient.

Each name is loaded at its first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "Example": "page",
    "Experiment": "page",
    "Panel": "curves",
    "Report": "page",
    "FlowTree": "flow_tree",
    "Series": "curves",
    "autograd_dot": "autograd",
    "autograd_tree": "tree",
    "console": "terminal",
    "diagnosis_text": "terminal",
    "flow_dot": "graph",
    "print_diagnosis": "terminal",
    "progress": "terminal",
    "render": "layout",
    "save_autograd": "autograd",
    "save_curves": "curves",
    "save_graph": "graph",
    "save_page": "page",
    "side_by_side": "graph",
    "table": "terminal",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"gradcheck_lm.draw.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'gradcheck_lm.draw' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
