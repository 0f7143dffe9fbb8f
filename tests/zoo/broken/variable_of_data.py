# expected: detach detach
# The old idiom Variable(x.data, requires_grad=True): no error any more, and no learning.
# thread: speechbrain/speechbrain#735
import torch
from torch import nn
from torch.autograd import Variable

encoder, decoder = nn.Linear(6, 3), nn.Linear(3, 6)
wrt = {"encoder": encoder, "decoder": decoder}


def loss():
    data = torch.randn(8, 6)
    code = Variable(encoder(data).tanh().data, requires_grad=True)  # <- detach
    return (decoder(code) - data).square().mean()  # <- detach
