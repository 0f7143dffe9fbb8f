"""Whether a CUDA graph is being captured: what runs then is written down and not computed, and nothing can be read."""

from __future__ import annotations

import torch


def capturing() -> bool:
    """True while the current stream is captured: reading a number from the device would end the capture by an error."""
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()
