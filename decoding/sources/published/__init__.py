"""Published draft-and-verify methods, each with its own rule and constants, so that they can be compared with ours.

    prompt_lookup   what follows the first occurrence of the last n-gram (Saxena 2023)
    llma            copying from given documents (Yang et al. 2023)
    sad             aggressive decoding of a text under correction (Sun et al. 2021)
    rest            frequent continuations in a datastore (He et al. 2023)
    pia             a trie of the prompt and earlier outputs (Zhao et al. 2024)
    sam             a suffix automaton of prompt and output (Hu et al. 2024)
    suffix          suffix trees of the request and earlier outputs (Oliaro et al. 2024)

The first chain of another source alone (Leviathan et al. 2023, Chen et al. 2023) is ``FirstChain``, beside the base of
sources. ``decoding.drafting.presets`` puts them together as they were published.
"""
