"""What a checkout of the reference looks like from outside, with a network of ours behind it, and a tiny plan."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gradcheck_lm.bench.peak import Probes
from gradcheck_lm.bench.train_plan import Plan
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNNConfig

CHARSET = Charset.standard()
TINY = CRNNConfig(
    name="tiny", height=32, width=256, stem_channels=4, groups=((1, 4), (1, 8)), lstm_layers=2, lstm_hidden=6,
    lstm_dropout=0.0, head_dropout=0.0, classes=CHARSET.size,
)  # fmt: skip
PLAN = Plan(
    torch.device("cpu"), 2, recogniser=TINY, laptop=TINY, batch=2, batches=3, buckets=2, steps=3, laptop_steps=3,
    compile=False, probes=Probes(32, 1, 4, 8, 1),
)  # fmt: skip
# what a checkout looks like from outside: names, arguments and imports, with a network of ours behind them
MODELS = """
from gradcheck_lm.htr.crnn import CRNN, CRNNConfig
class HTRNet(CRNN):
    def __init__(self, arch_cfg, nclasses):
        super().__init__(CRNNConfig(name="theirs", height=32, width=256, stem_channels=4, groups=arch_cfg.groups,
            lstm_layers=2, lstm_hidden=6, lstm_dropout=0.0, head_dropout=0.0, classes=nclasses))
    def forward(self, images):
        return super().forward(images, with_shortcut=True)
"""
TRAINER = """
from omegaconf import OmegaConf
import tqdm
import torch
from torch import nn
from utils.htr_dataset import HTRDataset
from models import HTRNet
from utils.transforms import aug_transforms
from utils.metrics import CER, WER

class HTRTrainer(nn.Module):
    def prepare_net(self):
        print("noise")
        self.net = HTRNet(self.config.arch, len(self.classes["classes"]) + 1).to(self.config.device)
    def prepare_losses(self):
        self.ctc_loss = lambda y, t, ly, lt: nn.CTCLoss(reduction="sum", zero_infinity=True)(
            y.log_softmax(2), t, ly, lt) / self.config.train.batch_size
    def prepare_optimizers(self):
        self.optimizer = torch.optim.AdamW(self.net.parameters(), self.config.train.lr)
    def sample_decoding(self):
        raise RuntimeError("a test line was read")
    def train(self, epoch):
        self.net.train()
        bar = tqdm.tqdm(self.loaders["train"])
        bar.set_description(f"Epoch {epoch}")
        self.seen = []
        for img, transcr in bar:
            self.optimizer.zero_grad()
            output, aux = self.net(img)
            labels = torch.IntTensor([self.classes["c2i"][c] for c in "".join(transcr)])
            sizes = torch.IntTensor([len(t) for t in transcr])
            frames = torch.IntTensor(img.size(0) * [output.size(0)])
            loss = self.ctc_loss(output, labels, frames, sizes) + 0.1 * self.ctc_loss(aux, labels, frames, sizes)
            loss.backward()
            self.optimizer.step()
            bar.set_postfix(values=f"{loss.item():.2f}")
        self.sample_decoding()
"""
CONFIG = """
resume: './somewhere.pt'
device: 'cuda:0'
arch:
  groups: [[1, 4], [1, 8]]
train:
  lr: 1e-3
  batch_size: 16
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name, text in {"models.py": MODELS, "trainer.py": TRAINER, "config.yaml": CONFIG}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def make_checkout(folder: Path) -> Path:
    folder.mkdir()
    for name, text in {"models.py": MODELS, "trainer.py": TRAINER, "config.yaml": CONFIG}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
