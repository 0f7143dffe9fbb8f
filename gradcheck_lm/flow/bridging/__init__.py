"""The program run again with a cut bridged: where the gradient would go."""
