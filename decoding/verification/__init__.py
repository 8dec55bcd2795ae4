"""From logits to accepted tokens: what makes the output the target's own.

    acceptance   the walk down a verified tree: choose a token at each node, follow it while the tree holds it; and the
                 criteria that choose: the target's own draw, speculative sampling, and the lossy ones
    sampling     logits to token, with noise indexed by seed and position
    logits       the logits of a verified tree, brought to the host only as far as they are asked for

Imports tree, interfaces and errors alone.
"""
