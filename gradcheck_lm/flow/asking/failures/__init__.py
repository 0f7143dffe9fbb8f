"""Backward passes that autograd refuses, and numbers that are not finite or wrong."""
