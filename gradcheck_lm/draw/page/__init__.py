"""report.html, and results in a notebook: files and cells that need neither network nor server."""
