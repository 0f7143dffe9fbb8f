"""The batch of a step, ready for the recogniser: read, changed at random, on the device, no wider than needed."""

from __future__ import annotations

import torch

from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.augment import Changes, draw_changes
from gradcheck_lm.lab.lines.buckets import batch_width
from gradcheck_lm.lab.lines.data import Batch, LineData
from gradcheck_lm.lab.lines.masking import Masks, draw_masks
from gradcheck_lm.lab.machine.devices import with_index


class BatchMaker:
    """From a step to this process's share of its batch; decided by the seed and the step alone.

    Args:
        data: the lines.
        process: (r, w): of w processes, this one is the r-th and takes every w-th line from r on.
    """

    def __init__(
        self,
        data: LineData,
        config: TrainingConfig,
        *,
        device: torch.device | str = "cpu",
        process: tuple[int, int] = (0, 1),
    ) -> None:
        # by its number, found out here: in another thread the current GPU is another one
        self.data, self.config, self.device, self.process = data, config, with_index(device), process

    def __call__(self, step: int) -> Batch:
        """Raises DataError or OSError where the lines cannot be read."""
        if self.device.index is not None and self.device.type == "cuda":
            torch.cuda.set_device(self.device)  # a thread begins with the first GPU, which is another process's
        config = self.config
        rank, world = self.process
        batch = self.data.batch(step, config.batch_size, seed=config.seed, rank=rank, world=world, device=self.device)
        images, changes, masks = batch.images, None, None
        if config.augment or config.masking:
            changes, masks = self._drawn(step)
        if changes is not None:
            images = changes.share(rank, world).apply(images)
        if masks is not None:
            images = masks.share(rank, world).apply(images)
        if self.data.buckets:
            images = images[..., : self._width(step, changes, masks)].contiguous()
        return Batch(images, batch.texts, batch.indices)

    def _drawn(self, step: int) -> tuple[Changes | None, Masks | None]:
        """What is done to the lines of a step, of all processes; the changes are the same with masks and without."""
        config, size = self.config, self.data.config
        generator = torch.Generator().manual_seed(config.seed * 7_919 + step)
        count = min(config.batch_size, len(self.data))
        changes = draw_changes(count, generator) if config.augment else None
        masks = draw_masks(count, size.height, size.width, generator) if config.masking else None
        return changes, masks

    def _width(self, step: int, changes: Changes | None, masks: Masks | None) -> int:
        """One width for the lines of all processes: their frames are gathered into one tensor."""
        data, config = self.data, self.config
        picked = data.picked(step, config.batch_size, seed=config.seed)
        inked = data.inked[torch.tensor(picked)]
        if changes is not None:
            inked = changes.reach(inked, data.config.height)
        if masks is not None:
            inked = inked + masks.reach
        return batch_width(inked, [data.texts[i] for i in picked], data.config)
