"""Likely edits: what a correction of a text may change, and how likely, learned from data."""
