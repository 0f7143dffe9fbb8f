"""What the machine has and does: processes, precision, memory, and where a number breaks."""
