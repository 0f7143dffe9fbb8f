"""What is known of torch's functions: which carry values, which leave tensors, which have no derivative."""
