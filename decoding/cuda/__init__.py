"""decoding/cuda."""
