"""One arm of one comparison in a process of its own: python -m gradcheck_lm.lab.comparing.job < JOB.json."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_lm.errors import CheckpointError, GradcheckLMError, RunStopped
from gradcheck_lm.foreign import parse_json
from gradcheck_lm.lab.comparing.compare import make_bench, pick_arms
from gradcheck_lm.lab.comparing.experiments import steps_of, train_arm
from gradcheck_lm.lab.comparing.lines import check_hand
from gradcheck_lm.lab.config import ComparisonConfig
from gradcheck_lm.lab.folder.run_folder import STATE
from gradcheck_lm.lab.folder.state import read_metadata
from gradcheck_lm.lab.machine.deterministic import deterministic


@dataclass(frozen=True)
class Job:
    """One arm of one experiment of the comparison in the folder `out`."""

    config: ComparisonConfig
    out: str
    experiment: str
    arm: str

    @property
    def name(self) -> str:
        """Folder, experiment and arm, for messages and file names."""
        return f"{Path(self.out).name}-{self.experiment}-{self.arm}"

    @property
    def done(self) -> bool:
        """Whether its last state is that of the last step; the comparison checks that the settings are the same."""
        state = Path(self.out) / "checkpoints" / self.experiment / self.arm / STATE
        try:
            return int(read_metadata(state.read_bytes(), state)["step"]) >= steps_of(self.config, self.experiment)
        except (OSError, CheckpointError):
            return False

    def to_json(self) -> str:
        """What `from_json` reads."""
        return json.dumps(dataclasses.asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        """A job from `to_json`."""
        found = parse_json(text)
        config: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in found["config"].items()
        }
        return Job(ComparisonConfig(**config), found["out"], found["experiment"], found["arm"])

    def run(self) -> None:
        """Train the arm, or go on with it, into its folder.

        Raises:
            GradcheckLMError: as the comparison itself.
        """

        def said(experiment: str, arm: str, record: dict) -> None:
            print(f"{experiment} {arm} step {record['step']}: {record['total']:.4f}", flush=True)

        with deterministic(self.config.deterministic):
            benches, _ = make_bench(self.config, Path(self.out), progress=print, step=said)
            arms = pick_arms(self.config)[self.experiment]
            train_arm(benches[self.experiment], self.experiment, arms[self.arm])


def jobs_of(config: ComparisonConfig, out: str | Path) -> list[Job]:
    """A comparison's jobs; controls that train nothing are left to the comparison itself. Raises as the comparison."""
    check_hand(config)
    return [
        Job(config, str(out), experiment, name)
        for experiment, arms in pick_arms(config).items()
        for name, arm in arms.items()
        if not arm.batchnorm_only
    ]


def _leave_with_the_parent() -> None:
    """Ask for a stop when standard input closes, which it does in whatever way the parent dies."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Run the job on the first line of standard input; the exit codes of the command line."""
    job = Job.from_json(sys.stdin.buffer.readline().decode())
    threading.Thread(target=_leave_with_the_parent, daemon=True).start()
    try:
        job.run()
    except RunStopped as error:
        print(error, flush=True)
        return 128 + error.signal_number
    except (GradcheckLMError, OSError) as error:
        print(error, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    # the reading thread is in the middle of its read: leave without waiting for it
    code = main()
    sys.stdout.flush()
    os._exit(code)
