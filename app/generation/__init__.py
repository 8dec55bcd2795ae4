"""app/generation."""
