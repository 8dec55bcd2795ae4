"""The decoder: drafts from many sources, one token tree, one forward pass of the target to verify it.

Works on token ids. Imports nothing from the other floors.
"""
