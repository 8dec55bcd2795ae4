"""The server of the page, the top of ``app.ui``. In reading order:

    server    checks the address, builds the application, warms up, serves until interrupted
    guard     ASGI middleware in front of everything: refuses other web pages, gives each browser its scope
    page      the tabs as one Gradio page that takes no file but an uploaded one

May import everything in ``app.ui``; nothing in ``app.ui`` imports it.
"""
