"""Text to requests and tokens to text, for one loaded target. Knows no corpus and no page.

Reading order:

    requests        ``RequestBuilder``: the target with its tokenizer, and what the options of a call come to
    tokenizer       text to ids and back; plain text never becomes a control token
    modes           what kind of output is wanted, and how long it may become
    prompts         what a prompt is: ids, and where the documents stand in them
    history         what was said before, in the forms that callers have it, as messages
    excerpts        which sentences of the passages a prompt shows
    chat_frames     what a model's chat template puts around messages
    chat_template   prompts for a model with a chat template, or with none at all
    templates       the families of prompts: the bundled target's own, and the others
    token_rules     penalties, forbidden words and the acceptance criterion, from settings
    logit_biases    what serving adds to a target's logits
    detokenizer     tokens to text while they come, stop strings
    repetition      ends an output that repeats itself
    cancellable     the stream of events that another thread may cancel
    events          what a stream tells its caller; answers and corrections
    run_stats       times and counts of a run
    drafter_state   what drafting learned on this machine, kept between runs

Imports app.config, app.errors and lower floors. Imported by answering, correction, loading and all above.
"""
