"""What a target writes over training prompts: the material of every drafter.

    target_outputs   the rows in one file, and batches of them
    prompts          the requests: tasks as served, or prompts of a file
    write_outputs    lets a target write them, once for each target of a run

Imports config, examples, data and the decoder's engine. May be imported by objectives, stages and evaluation.
"""
