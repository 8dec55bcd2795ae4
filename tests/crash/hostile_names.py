"""Names that try to lead out of the library, to stop a program, or to be taken for something else.

``{outer}`` stands for the folder around the home, in which the canary lives.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

CANARY = "canary.txt"
SECRET = "The canary sings: 6d1f0a5c9e."
_WAYS_UP = (
    "../", "..\\", "..%2f", "..%5c", "%2e%2e%2f", "%2e%2e/", "%252e%252e%252f", "..%c0%af", "..%ef%bc%8f", "....//",
    "..;/", "./../", "x/../../", ".../", "..\u2215", "..\uff0f", "\u2025/", "..\0/",
)  # fmt: skip
_DEPTHS = (1, 2, 3, 5, 9)
_ABSOLUTE = (
    "{outer}/canary.txt", "//{outer}/canary.txt", "file://{outer}/canary.txt", "file:{outer}/canary.txt",
    "{outer}", "{outer}/home/../canary.txt", "/", "//", "/etc/passwd", "/dev/zero", "/proc/self/environ", "/proc/1/mem",
    "~", "~/canary.txt", "~root/canary.txt", "$HOME/canary.txt", "${{HOME}}", "C:\\canary.txt", "C:canary.txt",
    "c:/canary.txt", "\\\\server\\share\\canary.txt", "//server/share/canary.txt", "\\\\?\\C:\\canary.txt",
    "\\\\.\\pipe\\canary", "http://127.0.0.1:9/canary.txt", "data:text/plain,canary", "jar:file:///canary!/x",
    "{outer}/link/canary.txt", "link/canary.txt", "link", "inner/../../../canary.txt",
)  # fmt: skip
_ODD = (
    "", " ", ".", "..", "...", "-", "--", "-rf", "--help", "--json", "--home={outer}", "-", "@file", "#", "~", "*",
    "?", "[a-z]*", "**/*", "x/", "/x", "x//y", "x/.", "./x", "trailing.", "trailing ", " leading", ".hidden",
    ".new-x", ".gone-x", ".lock", "corpus.sqlite", "corpus.sqlite-wal", "writer.lock", "corpus.seal", "indexes",
    "drafts/../corpus.sqlite", "staging", "con", "CON", "nul.txt", "aux", "prn.txt", "com1", "lpt9.txt", "clock$",
    "canary.txt::$DATA", "canary.txt:stream", "x" * 65, "x" * 255, "x" * 256, "x" * 300, "x" * 5000, "\u00e9" * 200,
    "a/" * 200 + "b", "a\0b", "\0", "canary.txt\0.pdf", "a\nb", "a\rb", "a\r\nSet-Cookie: x=1", "a\tb",
    "\x1b[31mred\x1b[0m", "\x07", "\x7f", "\u0085", "\u2028", "\u202etxt.exe", "\u200bzero", "\ufeffbom", "\ud800",
    "caf\u00e9", "cafe\u0301", "\u0430dmin", "\uff0e\uff0e\uff0fcanary.txt", "\U0001f4a9", "%s%s%s%n", "{{0}}",
    "{{__class__}}", "$(touch canary)", "`touch canary`", "; touch canary", "| touch canary", "&& touch canary",
    "' OR 1=1 --", '"; DROP TABLE documents; --', "x' UNION SELECT", "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "javascript:alert(1)", "]]>", "=cmd|' /C calc'!A0", "None", "null", "true", "0",
    "-1", "1e308", "NaN", "__proto__", "constructor", "x.txt/../../canary.txt",
)  # fmt: skip


def payloads(outer: Path) -> list[str]:
    """All of them, each once."""
    climbing = [way * depth + CANARY for way in _WAYS_UP for depth in _DEPTHS]
    others = [name.format(outer=outer) for name in (*_ABSOLUTE, *_ODD)]
    encoded = [quote(name, safe="") for name in (f"{outer}/{CANARY}", f"../../{CANARY}", "\0", "a\nb")]
    return list(dict.fromkeys([*climbing, *others, *encoded]))
