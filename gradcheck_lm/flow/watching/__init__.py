"""One run seen from outside: calls, tensors, modules, the user's lines. Nothing of the run is changed or kept."""
