"""app/ui/assets."""
