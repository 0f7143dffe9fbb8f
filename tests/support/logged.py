"""What loggers wrote to disk, read back: TensorBoard's events, and the offline runs of Weights & Biases."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def read_tensorboard(folder: Path):
    accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    scalars = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags["scalars"]}
    texts = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in tags["tensors"]}
    return scalars, texts


def log_records(data: bytes):
    """The records of W&B's file: after 7 bytes of header, blocks as in LevelDB's log, 7 bytes before each piece."""
    place, whole = 7, b""
    while place + 7 <= len(data):
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        if kind == 0:  # padding up to the block's end
            place += 32768 - place % 32768
            continue
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a whole record, or its last piece
            yield whole
            whole = b""
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768


def finish_wandb():
    """The history rows of an offline run, and the pages that it would upload."""
    wandb = sys.modules["wandb"]
    proto = importlib.import_module("wandb.proto.wandb_internal_pb2")
    folder = Path(wandb.run.settings.sync_dir)
    wandb.finish()
    (path,) = folder.glob("*.wandb")
    rows = []
    for data in log_records(path.read_bytes()):
        record = proto.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            rows.append({item.key or ".".join(item.nested_key): item.value_json for item in record.history.item})
    return rows, list(folder.glob("files/media/html/**/*.html"))
