"""What a watch of steps works with: its log, what it stands in for, tensors before and after."""
