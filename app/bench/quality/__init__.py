"""How often the app is right, on files of items with known answers.

    questions     the bench `questions`: what people ask of documents of ten kinds
    question_set  its questions and documents
    verdict       when an answer to one of them is right
    answers       the bench `answers`: right, verbatim, rightly refused, from given passages
    grammar       the bench `grammar`: GLEU of corrections
    gleu          the measure for corrections

Imports workload and report. May be imported by the benches drafters and criteria and, for gleu, by training.
"""
