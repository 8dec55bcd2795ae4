"""Clean English sentences -> the same sentences with errors. Knows words; must not know tokens or models.

    word_forms       which words are forms of one another
    synthetic        errors of many kinds, spelling slips among them: rows of the correction task
    learner_errors   sentences as people who learn English write them: examples of the edit tagger; errors over several
                     words, and habits of one writer
    present_tense    past -> present, and verbs of the wrong number

Imports nothing of training but its errors.
"""
