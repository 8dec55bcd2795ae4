"""Likely edits: what the correction of a text may change and how likely each change is, learned from data.
Drafts branch at these places, and the copy bias weighs them.

Reading order:

    words      a text as words, and the features of a word that the tagger reads
    tags       what may be done with a word: keep, drop, insert before it, replace, change its form
    tables     the file of word ranks, word forms and known misspellings
    spelling   right words near a misspelt one
    known_words   what is known of the words of a question, for ``retrieval.spelling``
    encoder    the sentence encoder's lower layers over word pieces (torch)
    tagger     the network above them: chances of tags, and of the word that was meant (torch)
    changes    tags and spelling to changes of the text; the rule of "a" and "an"; how one error makes others likelier
    proposer   ``LikelyEdits``: changes as edits of token ids, for any tokenizer

Imports only app.errors, decoding's types and retrieval's vocabulary. Imported by app.loading, which reads the files,
by correction for its words, and by bench and training.
"""
