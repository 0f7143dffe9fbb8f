"""Autograd's own word: who is reached, with what gradient, and where on the way back it dies."""
