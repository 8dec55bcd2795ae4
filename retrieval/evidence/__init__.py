"""From hits to evidence: the units of them that most likely answer, each with what leads to it.

In reading order:

    units                cuts passages into what can be quoted, each with what leads to it
    leads                tells questions, labels and headings from what they lead to
    scraps               tells statements and facts from what answers nothing
    sentences            vectors of units and their leads, cached and stored
    selection            selects the units of the hits that most likely answer
    enumerations         prefers a list to its items where a question asks for several things
    relevance            scores units: by cosine, or by a learned network
    relevance_features   the features of that network
    cross_encoder        judges the best units anew: question and unit are read together
    meanings             what common words mean, in short vectors
    anchors              what of a question must stand in the evidence: numbers, names, days, identifiers
    lexical_relevance    scores units by the words of the question, where it is not English
    extractive_summary   what a document is about, in its own sentences

Imports ``retrieval.interfaces``, ``language``, ``terms`` and ``word_forms``, and ``corpora``.
"""
