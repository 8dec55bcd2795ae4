"""decoding/drafters."""
