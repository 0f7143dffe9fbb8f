"""The page of the experiments, from the records alone."""
