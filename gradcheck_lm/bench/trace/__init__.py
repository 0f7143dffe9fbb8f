"""What watching costs, a step of one program and two whole training steps."""
