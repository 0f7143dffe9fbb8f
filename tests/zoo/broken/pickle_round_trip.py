# expected: left_torch new_leaf
# Features are kept in a cache as pickled bytes.
import pickle

import torch
from torch import nn

encoder, head = nn.Linear(6, 4), nn.Linear(4, 2)
wrt = {"encoder": encoder, "head": head}


class Cache:
    def __init__(self):
        self.entries = {}

    def get(self, key, make):
        if key not in self.entries:
            self.entries[key] = pickle.dumps(make())  # <- left_torch
        return pickle.loads(self.entries[key])  # <- new_leaf


def loss():
    cache = Cache()
    data = torch.randn(5, 6)
    return head(cache.get("batch", lambda: encoder(data).tanh())).square().mean()
