"""app/training/targets."""
