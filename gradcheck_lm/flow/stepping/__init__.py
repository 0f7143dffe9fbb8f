"""Between backward() and the next step: who holds, clears, clips, scales and steps what."""
