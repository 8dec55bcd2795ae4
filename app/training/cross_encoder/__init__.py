"""The cross-encoder: the bundled encoder with changes of low rank, which reads question and unit together.

    pairs    the lists of ``app.training.relevance`` as pairs, the units that are hardest to tell apart
    prepare  makes them of all questions of training
    network  the encoder with changes of low rank, while they are learned
    train    learns them, and can be continued
    blend    how its scores and those of the first stage are made one
    export   writes what serving reads

Imports the lists of relevance training and the pieces of `retrieval`.
"""
