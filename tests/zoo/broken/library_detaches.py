# expected: detach
# A library's feature extractor detaches by default: the encoder that should be fine-tuned learns nothing.
# thread: speechbrain/speechbrain#1396
import sys
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "site-packages"))
from speechtools import extract_features  # noqa: E402

encoder = nn.Sequential(nn.Linear(8, 6), nn.GELU())
head = nn.Linear(6, 3)
wrt = {"encoder": encoder, "head": head}


def loss():
    sound, target = torch.randn(5, 8), torch.randint(0, 3, (5,))
    features = extract_features(encoder, sound)  # <- detach
    return nn.functional.cross_entropy(head(features), target)
