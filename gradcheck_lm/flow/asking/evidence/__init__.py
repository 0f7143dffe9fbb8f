"""What is found out about a loss before anything is concluded: its terms, the tensors asked about, what was read."""
