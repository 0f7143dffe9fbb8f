"""Fixtures shared by the penalties' tests."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import random_logits


@pytest.fixture
def logits() -> torch.Tensor:
    """Five lines of nine frames and four classes."""
    return random_logits(9, 5, 4, seed=11, scale=1.0).requires_grad_()
