"""A whole report with every part filled, for the tests of the page."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import torch
from draw_samples import HOSTILE, broken, fixed

from gradcheck_lm.draw.autograd.autograd import autograd_dot
from gradcheck_lm.draw.layout.layout import picture
from gradcheck_lm.draw.page.report import Example, Experiment, Report
from gradcheck_lm.draw.plots.curves import Panel, Series


@dataclass(frozen=True)
class Row:
    index: int
    prediction: str
    label: str
    prediction_loss: float
    label_loss: float
    winner: str


@dataclass(frozen=True)
class Span:
    kind: str
    label: str
    reading: str


def png(width: int = 200, height: int = 24) -> bytes:
    """A striped grey image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(255 - 160 * (x // 3 % 9 == 0) for x in range(width)) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def full_report(text: str = HOSTILE) -> Report:
    """Everything at once; `text` stands wherever data can hold one."""
    steps = list(range(0, 41, 2))
    falling = [0.29 - 0.0024 * step for step in steps]
    cer = {
        "ctc": Series(steps, [0.29] * len(steps)),
        f"argmax{text}": Series(steps, [0.29] * len(steps)),
        "policy_gradient": Series(steps, falling, [y - 0.02 for y in falling], [y + 0.02 for y in falling]),
    }
    norms = {
        "argmax": Series(steps, [0.0] * len(steps)),
        "policy_gradient": Series(steps, [0.01 + 0.0001 * s for s in steps]),
    }
    columns = ["arm", "CER before", "CER after", "interval", f"LM gradient{text}"]
    rows = [
        ["argmax", 0.288, 0.288, "[0, 0]", 0.0],
        [text, 0.288, 0.26, "[-.04, -.01]", None],
        ["ctc", 0.288, 0.288, "", True],
    ]
    alive = torch.nn.Parameter(torch.ones(3))
    autograd = autograd_dot({"ctc": alive.sum(), f"lm{text}": torch.tensor(0.2)}, params={"head.weight": alive})
    return Report(
        title=f"The broken penalty and the fixed ones {text}",
        title_ja="壊れたペナルティと直したペナルティ",
        verdict=f"argmax at train.py:22 cuts the penalty off; policy_gradient lowers CER from .288 to .195. {text}",
        verdict_ja="train.py:22 の argmax がペナルティを切断しています。",
        diagnoses={"argmax": broken(text), f"soft_embedding{text}": fixed()},
        autograd_graphs={"argmax": picture(autograd, "svg").decode("utf-8")},
        experiments=[
            Experiment(
                f"A new hand {text}",
                columns,
                rows,
                "Lines in a hand never seen in training.",
                "新しい筆跡",
                "未知の筆跡。",
                1,
            )
        ],
        gradients=[Panel("Gradient norm of the penalty", "step", "norm", norms, log_y=True)],
        curves=[Panel(f"CER {text}", "step", "CER", cer)],
        pictures={f"A line {text}": png()},
        lm_table=[
            Row(0, f"the dise was a starm{text}", f"the disc was a star{text}", 6.26, 5.3, "label"),
            Row(1, "a", "b", 5.0, float("inf"), "prediction"),
            Row(2, "a", "a", 5.0, 5.0, "equal"),
        ],
        mistakes=[
            [Span("equal", "the dis", "the dis"), Span("substitute", "c", "e"), Span("insert", "", "m")],
            [Span("equal", "a", "a"), Span("delete", " ", ""), Span("equal", f"b{text}", f"b{text}")],
        ],
        confusions=[("c", "e", 12), ("", "m", 7), (" ", "", 4), (text, text, 1)],
        examples=[
            Example(
                png(), f"the disc{text}", {"argmax": f"the dise{text}", "policy_gradient": f"the disc{text}"}, "line 1"
            )
        ],
        configuration={"lm_weight": 0.1, "optimizer": {"name": "adamw", f"lr{text}": 1e-3}, "path": text},
        versions={"torch": "2.13.0", "note": text},
    )
