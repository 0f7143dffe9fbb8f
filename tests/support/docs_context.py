"""What the excerpts of the docs stand in: for each page and block what is there before it, and what must hold after."""

from __future__ import annotations

TORCH = "import torch\nfrom torch import nn\nimport gradcheck_lm as gc\ntorch.manual_seed(0)\n"
MODEL = (
    TORCH
    + """
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batch = torch.randn(8, 4)
def fit(batch): return model(batch).square().mean()
def penalty(batch=batch): return model(batch).argmax(-1).float().mean()
"""
)
TRAINER = """
from types import SimpleNamespace
from transformers import TrainingArguments
from transformers import Trainer
class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
    def forward(self, x):
        logits = self.layer(x)
        return {"loss": logits.square().mean() + 0.1 * logits.argmax(-1).float().mean(), "logits": logits}
model, data = Both(), [{"x": torch.randn(4)} for _ in range(4)]
arguments = TrainingArguments(
    "out", max_steps=2, per_device_train_batch_size=2, report_to="none", save_strategy="no", logging_strategy="no",
    disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
)
"""
LOOP = """
from accelerate import Accelerator
accelerator, loader = Accelerator(cpu=True), [torch.randn(8, 4) for _ in range(2)]
def losses(model, batch): return {"fit": model(batch).square().mean(), "size": 0.1 * model(batch).abs().mean()}
"""
IMAGES = """
from pathlib import Path
import numpy as np
from PIL import Image
Path("scans").mkdir()
Image.fromarray(np.full((32, 120), 230, np.uint8)).save("scans/0.png")
Path("scans/labels.tsv").write_text("0.png\\ta b\\n")
"""

# page -> number of the block -> (before it, after it); a page that is not here has whole programs alone
CONTEXT: dict[str, dict[int, tuple[str, str]]] = {
    "README.md": {
        1: (
            MODEL + "def train_one_batch():\n    optimizer.zero_grad(); fit(batch).backward(); optimizer.step()\n",
            "assert report.ok, report",
        ),
    },
    "index.md": {
        0: (
            MODEL + "ctc_loss, lm_penalty = fit, penalty\n",
            "assert diagnosis.terms['lm'].dead and not diagnosis.terms['ctc'].dead",
        ),
    },
    "how-to-element-0.md": {
        0: (MODEL, ""),
        1: (
            MODEL.replace("argmax(-1).float()", "softmax(-1).amax(-1)"),
            "",
        ),
    },
    "debugger.md": {
        0: (
            MODEL + "ctc = fit\n",
            "assert not diagnosis.ok and diagnosis.terms['lm'].dead and diagnosis.findings[0].code == 'GF101'",
        ),
        1: (MODEL + "step = fit\n", "assert diagnosis.ok"),
        3: (MODEL + "training_step = fit\n", ""),
        4: (
            MODEL
            + "def step():\n    optimizer.zero_grad(); fit(batch).backward(); optimizer.step()\n"
            + "def train(batch): step()\nbatches = [batch, batch]\n",
            "assert report.ok, report\nassert report.ledger.rows",
        ),
        5: (MODEL + "training_loss = fit\n", "test_every_parameter_learns()"),
        6: (
            MODEL + "ctc, lm = fit(batch), 0.1 * model(batch).abs().mean()\nloss = ctc + lm\n",
            "assert not watch.history or watch.history[0]",
        ),
    },
    "integrations.md": {
        0: (
            MODEL + "from gradcheck_lm.integrations.pytest_plugin import GradientFlow\n",
            "import pytest\nwith pytest.raises(gc.GradientFlowError):\n"
            "    test_penalty_teaches(gc.assert_gradient_flows)\n",
        ),
        1: (MODEL, "test_penalty_is_known_to_be_broken(request.getfixturevalue('gradient_flow'))"),
        2: (MODEL + "import pytest\n", "test_training_step()"),
        3: (MODEL + TRAINER, ""),
        4: (MODEL + "import lightning.pytorch as pl\n", ""),
        5: (MODEL + LOOP, "assert flow.scalars"),
        6: (
            MODEL + "loader = [batch, batch]\ndef fit(output): return output.square().mean()\n",
            "assert watch.history",
        ),
        7: (
            MODEL + "micro_batches = [batch, batch + 1]\ndef size(batch): return model(batch).abs().mean()\n",
            "",
        ),
        8: (MODEL, ""),
        9: ("def fit(output): return output.square().mean()\ndef penalty(choice): return choice.float().mean()\n", ""),
    },
    "data.md": {0: (IMAGES, "assert lines[0].text == 'a b' and lines[0].image.shape == (32, 120)")},
}
CONTEXT["how-to-element-0.ja.md"] = CONTEXT["how-to-element-0.md"]
