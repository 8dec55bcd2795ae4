"""app/training/examples."""
