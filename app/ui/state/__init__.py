"""app/ui/state."""
