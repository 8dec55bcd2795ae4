"""The decoder: drafts from many sources, one token tree, one forward pass of the target to verify it.

Works on token ids. Imports nothing from the other floors. To read it, in this order:

    interfaces   what goes in, what comes out, what plugs in
    session      the loop: draft, verify, accept, commit
    tree         drafts merged by prefix            acceptance   the one-draw rule that makes it lossless
    target       a tree in one forward pass         cache        keys and values, compacted in place
    sampling     logits to token                    processors/  what the target may write: quote, copy bias
    drafting     asks the sources                   sources/     where drafts come from, one file each
    budget       which nodes pay for themselves     stats        what happened, by source and depth
    loading      models, and the proof that trees verify exactly on them
    engine       puts a target and its sources together
"""
