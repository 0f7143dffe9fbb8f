# expected: mixed_reductions
# thread: haitongli/knowledge-distillation-pytorch#2
# The divergence from the teacher is averaged over the classes too, and weighs a tenth of what it should.
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore", message="reduction: 'mean' divides")  # torch says so too, on a line of its own
wrt = nn.Linear(6, 10)
inputs, labels = torch.randn(8, 6), torch.randint(0, 10, (8,))
teacher = torch.randn(8, 10).softmax(1)
divergence = nn.KLDivLoss()


def loss():
    outputs = wrt(inputs)
    softly = divergence(outputs.log_softmax(1), teacher)  # <- mixed_reductions
    return 0.5 * softly + 0.5 * nn.functional.cross_entropy(outputs, labels)
