# expected: left_torch new_leaf
# math.pow takes a float: the tensor leaves torch without a word.
# thread: pytorch/pytorch#143071
import math

import torch

weight = torch.tensor(1.5, requires_grad=True)
wrt = {"weight": weight}


def loss():
    squared = math.pow(weight, 2)  # <- left_torch
    return torch.as_tensor(squared) * 3  # <- new_leaf
