"""The flow graph of a diagnosis: folded until it fits, and written in the DOT language."""
