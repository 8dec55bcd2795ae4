"""app/training/evaluation."""
