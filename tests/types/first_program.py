"""A newcomer's first program, as an editor sees it; it also runs."""

import torch

import gradcheck_lm as gc

model = torch.nn.Linear(4, 2)
diagnosis = gc.diagnose(lambda: model(torch.ones(1, 4)).argmax(-1).float().mean(), wrt=model)
for finding in diagnosis.findings:
    print(finding.code, finding.line, finding.cures[0].upper())
