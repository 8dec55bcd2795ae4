"""How good trained models are on articles that training never saw.

    heldout   files of items for `spandraft bench answers` and `bench grammar`
    measure   figures of a target, and how far a drafter carries it
    curves    the losses of a run as a picture

Imports outputs, examples and data, and of the benches picture and quality.gleu. Only the command `train` imports it.
"""
