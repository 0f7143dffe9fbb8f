"""Several ranks of one training, and several workers of one loader."""
