"""Language models: what each position reads, and which token it is to predict."""
