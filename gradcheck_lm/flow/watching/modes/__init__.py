"""What of torch makes a program run otherwise: gradient switched off, torch.compile."""
