"""The recording as a graph: what descends from the tensors asked about, and what cuts it off the loss."""
