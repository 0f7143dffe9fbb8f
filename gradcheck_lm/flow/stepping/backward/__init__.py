"""The backward passes of a watch, losses that never had one, and what is done to gradients afterwards."""
