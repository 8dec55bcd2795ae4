"""app/training/outputs."""
