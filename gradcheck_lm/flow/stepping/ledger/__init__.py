"""What happened to every gradient, as plain data: events, and a row for each parameter in each step."""
