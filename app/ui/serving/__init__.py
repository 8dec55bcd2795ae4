"""app/ui/serving."""
