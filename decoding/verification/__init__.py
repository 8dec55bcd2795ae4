"""From logits to accepted tokens: what makes the output the target's own.

    acceptance   the walk down a verified tree: draw a token at each node, follow it while the tree holds it
    sampling     logits to token, with noise indexed by seed and position
    logits       the logits of a verified tree, brought to the host only as far as they are asked for
    criteria     other acceptance rules: speculative sampling, and the lossy ones

Imports tree, interfaces and errors alone.
"""
