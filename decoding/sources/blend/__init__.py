"""The source ``blend``: copying, earlier outputs and common phrases as one mixture of candidates.

    blend         one session of it: the source
    blend_state   what all sessions share: canonical ids, phrases, earlier outputs by scope, learned weights
    ngram_index   a growing text in which every earlier position after a given token is found at
                  once
    candidates    kernels: which tokens may come next, and what speaks for each
    mixture       kernels: probabilities from learned weights, learning them, opening the tree best path first
    weights       what the features stand for, and where their weights begin
    phrases       common phrases of English as arrays over token ids
    compiled      compiles the kernels with numba where it is installed

All kernels stand in this folder: ``app.loading.environment`` counts them here. Import it late: numba takes a while.
"""
