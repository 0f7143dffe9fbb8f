"""The recogniser of handwriting: characters, network, CTC, and lines of handwriting, real and synthetic."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradcheck_lm.htr.charset import Charset as Charset
    from gradcheck_lm.htr.checkpoint import load_checkpoint as load_checkpoint
    from gradcheck_lm.htr.checkpoint import save_checkpoint as save_checkpoint
    from gradcheck_lm.htr.crnn import CRNN as CRNN
    from gradcheck_lm.htr.crnn import CRNNConfig as CRNNConfig
    from gradcheck_lm.htr.crnn import build_crnn as build_crnn
    from gradcheck_lm.htr.crnn import count_parameters as count_parameters
    from gradcheck_lm.htr.ctc import collapse_paths as collapse_paths
    from gradcheck_lm.htr.ctc import greedy_decode as greedy_decode
    from gradcheck_lm.htr.ctc import sample_paths as sample_paths
    from gradcheck_lm.htr.ctc import string_log_prob as string_log_prob
    from gradcheck_lm.htr.decoding.ctc_align import align as align
    from gradcheck_lm.htr.decoding.ctc_align import segment_posteriors as segment_posteriors
    from gradcheck_lm.htr.decoding.ctc_beam import prefix_beam as prefix_beam
    from gradcheck_lm.htr.decoding.ctc_distinct import sample_distinct_paths as sample_distinct_paths
    from gradcheck_lm.htr.lines import Line as Line
    from gradcheck_lm.htr.lines import LineSet as LineSet
    from gradcheck_lm.htr.lines import read_images as read_images
    from gradcheck_lm.htr.lines import read_labels_tsv as read_labels_tsv
    from gradcheck_lm.htr.lines import to_batch as to_batch
    from gradcheck_lm.htr.lines import write_labels_tsv as write_labels_tsv
    from gradcheck_lm.htr.readers.logits import LineLogits as LineLogits
    from gradcheck_lm.htr.readers.logits import read_logits as read_logits
    from gradcheck_lm.htr.sources import open_lines as open_lines
    from gradcheck_lm.htr.synthetic.hand import HELD_OUT_HANDS as HELD_OUT_HANDS
    from gradcheck_lm.htr.synthetic.hand import TRAINING_HANDS as TRAINING_HANDS
    from gradcheck_lm.htr.synthetic.hand import Hand as Hand
    from gradcheck_lm.htr.synthetic.hand import hands as hands
    from gradcheck_lm.htr.synthetic.synthetic import SyntheticLines as SyntheticLines
    from gradcheck_lm.htr.synthetic.synthetic import render_line as render_line
    from gradcheck_lm.htr.synthetic.text import load_sentences as load_sentences

# which module has which public name: a module is imported at the first use of one of its names, for some need Pillow
_HOMES = {
    "charset": ("Charset",),
    "checkpoint": ("load_checkpoint", "save_checkpoint"),
    "crnn": ("CRNN", "CRNNConfig", "build_crnn", "count_parameters"),
    "ctc": ("collapse_paths", "greedy_decode", "sample_paths", "string_log_prob"),
    "decoding.ctc_align": ("align", "segment_posteriors"),
    "decoding.ctc_beam": ("prefix_beam",),
    "decoding.ctc_distinct": ("sample_distinct_paths",),
    "synthetic.hand": ("HELD_OUT_HANDS", "TRAINING_HANDS", "Hand", "hands"),
    "lines": ("Line", "LineSet", "read_images", "read_labels_tsv", "to_batch", "write_labels_tsv"),
    "readers.logits": ("LineLogits", "read_logits"),
    "sources": ("open_lines",),
    "synthetic.synthetic": ("SyntheticLines", "render_line"),
    "synthetic.text": ("load_sentences",),
}
_MODULE = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_MODULE)

if not TYPE_CHECKING:  # or a checker would believe that every name exists

    def __getattr__(name: str) -> Any:
        if name in _MODULE:
            return getattr(import_module(f"gradcheck_lm.htr.{_MODULE[name]}"), name)
        raise AttributeError(f"module 'gradcheck_lm.htr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
