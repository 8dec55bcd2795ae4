"""The reader of pairs: the bundled encoder that reads question and unit together, with what is changed of it.

    pairs    the lists of ``app.training.relevance`` as pairs of tokens, the units that are hardest to tell apart
    network  the encoder with changes of low rank, while they are learned
    train    learns them, and can be continued

Imports the lists of relevance training and the pieces of `retrieval`.
"""
