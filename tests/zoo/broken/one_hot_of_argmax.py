# expected: discrete_op
# one_hot(argmax) handed to the next network.
# thread: liamb315/CharacterGAN#4
import torch
import torch.nn.functional as F

first = torch.nn.Linear(4, 6)
second = torch.nn.Linear(6, 1)
wrt = {"first": first, "second": second}


def loss():
    choice = first(torch.randn(3, 4)).argmax(-1)  # <- discrete_op
    return second(F.one_hot(choice, 6).float()).square().mean()
