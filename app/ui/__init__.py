"""The web page: one FastAPI application on loopback with Gradio Blocks mounted in it. In reading order:

    serving/    starts the server, guards every request, and lays the tabs out as one page
    chat/       the Chat tab: ask, stop, prove, sources, stored conversations
    library/    the Library tab: corpora, their documents, and the jobs that add files to them
    grammar     the Grammar tab: correct a text, take or leave each change
    state/      what all tabs share: the application's objects, running streams, uploads, what a browser sends
    views/      HTML from plain values
    assets/     style sheets, scripts, icon and theme

Imports point down: serving > library > chat, grammar > state > views, assets. ``state`` and ``views`` do not know each
other. The page uses ``app.conversations``, ``app.output``, ``app.generation.events``, ``app.library`` and ``corpora``;
only ``app.commands`` imports it. The models are behind ``state.interfaces.PagePipeline``.
"""
