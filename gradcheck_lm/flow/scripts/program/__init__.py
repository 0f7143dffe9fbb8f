"""The script itself: started as Python would, its text, its frames, its warnings."""
