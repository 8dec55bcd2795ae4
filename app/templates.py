"""The two families of prompts, and which one a tokenizer calls for."""

from __future__ import annotations

from app.prompts import Template
from app.templates_bundled import BundledTemplate
from app.templates_chat import ChatTemplate
from app.tokens import TextTokenizer


def template_for(tokens: TextTokenizer) -> Template:
    """The bundled target's own format if the tokenizer has its control tokens, else a chat or plain text."""
    if BundledTemplate.fits(tokens):
        return BundledTemplate(tokens)
    return ChatTemplate(tokens)
