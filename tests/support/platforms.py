"""What a test needs of the system it runs on."""

from __future__ import annotations

import os

import pytest

posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes, modes and programs as POSIX has them")
