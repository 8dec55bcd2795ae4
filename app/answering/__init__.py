"""One question to one answer: the request, the events while it is written, and its citations.

    stream          ``AnswerStream``: retrieve, prompt, generate, cite; ``answer_request``: quotations and refusal as
                    the decoder is asked for them
    follow_ups      what to search for when a question goes on with a conversation
    question_parts  questions of several parts, each searched for by itself
    citations       the final citations, computed from the answer's text
    live_citations  while the answer grows, where its copied runs come from

Imports generation, config, errors and lower floors, never library. Imported by pipeline and bench.
"""
