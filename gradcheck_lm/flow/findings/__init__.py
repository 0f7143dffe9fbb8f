"""What a diagnosis is made of: kinds, findings and their texts, as plain data."""
