"""Style sheets, scripts and icon of the page as files, and the module that loads them. The page fetches nothing else.

    styling        theme, style sheet, scripts and icon for Gradio
    page.css, library.css, page.js, library.js, favicon.png

Imports nothing of ``app``.
"""
