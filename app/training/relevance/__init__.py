"""The scorer of evidence: which unit of some passages answers a question, or that none does.

    phrasings   a question in other forms that people type, and about another thing
    pages       passages in the forms that documents have: headings, questions and answers, labels, lists
    tables      tables of chance with questions on them
    synonyms    words that may stand for one another
    questions   the questions of the training data over pages, in several forms
    vectors     unit vectors of texts, computed once
    lists       lists as serving scores them, some without an answer
    asked       lists of the question set's tuning half, as serving finds them
    written     lists of the questions that were written to learn from; they lie in ``questions/``
    train       learns the network from them

Imports data and errors of training, the features of `retrieval`, and for `asked` and `written` the library and the
bench's question sets.
"""
