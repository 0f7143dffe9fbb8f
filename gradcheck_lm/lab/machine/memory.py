"""Peak memory of a stretch of a program, and how much there still is."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import torch


def reset_peak_memory(device: torch.device) -> None:
    """Start a new measurement. On a CPU this needs Linux; elsewhere the peak is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb(device: torch.device) -> float:
    """Highest memory since `reset_peak_memory`, in MB of 10^6 bytes: the device's on a GPU, the process's on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return 0.0


def free_memory() -> int | None:
    """Bytes that this process may still take without swapping, also where a container or a batch system has set a
    limit; None where nobody says (outside Linux)."""
    found = []
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                own = Path("/sys/fs/cgroup", line[3:].strip().lstrip("/"))
                found += [left for folder in (own, *own.parents) if (left := _left_in_cgroup(folder)) is not None]
    return max(0, min(found)) if found else None


def _left_in_cgroup(folder: Path) -> int | None:
    """What a control group (version 2) may still take; its page cache can be given back."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None
        cached = 0
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith("inactive_file "):
                cached = int(line.split()[1])
        return int(limit) - int((folder / "memory.current").read_text()) + cached
    except (OSError, ValueError):
        return None
