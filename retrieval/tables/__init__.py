"""Questions over tables: the rows that have every key of a question, and what can be computed of rows exactly.

In reading order:

    table         rows and columns of a document's tables, read back from the lines that loaders write
    cells         what the cells of a column say: numbers with units, days, times of day
    words         words of questions and cells: stems, and what words mean for a table
    cell_index    which cells of a table have a word
    names         which columns a question names
    reading       what a question asks of a table: rows, columns, an operation, and what is not in it
    results       computes it, exactly, or says why it cannot be
    answers       finds the tables among hits, and makes evidence of what they say

Imports ``retrieval.interfaces`` and ``corpora``; imported by ``app``. Only ``answers`` is for others.
"""
