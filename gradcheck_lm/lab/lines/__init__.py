"""Lines as batches: read, put together by width, changed at random, made ahead."""
