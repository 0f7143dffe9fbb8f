"""The course: what runs the lessons, checks the exercises and keeps the progress. Nothing here imports a lesson."""
