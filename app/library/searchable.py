"""What questions may be asked of: a corpus by name, texts, an object of one's own that searches, a retriever.

``searchable_of`` makes a ``Searchable`` of each of these, or says what is wrong with it. A retriever of LangChain's is
known as one only if ``langchain_core`` is loaded already. Knows nothing of models that write.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from app.errors import ArgumentError, InputError, kind_of
from app.library.found import FoundPassages
from app.library.texts import Texts

if TYPE_CHECKING:
    from app.generation.tokenizer import TextTokenizer
    from app.loading.search_models import SearchModels
    from corpora.documents import Document
    from decoding.interfaces import TokenIndex
    from retrieval.interfaces import Retrieved

AnyCorpus: TypeAlias = "str | Searchable | Searches | Sequence[str | Document | tuple[str, str]] | Any"
"""What ``corpus=`` takes. The last is a retriever of LangChain's, whose class is not imported for its name's sake."""

_KINDS: Final = "the name of a corpus, a Corpus, a list of texts, an object with search(query, k), or a retriever"


class Searchable(Protocol):
    """What questions are asked of: ``app.library.corpus.Corpus``, or anything else that finds passages.

    A class that names it as its base need not write ``token_index``.
    """

    def retrieve(self, question: str, k: int, sentences: int) -> Retrieved:
        """The at most ``k`` best passages, and of them the at most ``sentences`` most telling sentences."""
        ...

    def token_index(self, tokens: TextTokenizer) -> TokenIndex | None:
        """What drafts may copy from the whole of it, as a tokenizer writes it; None for nothing, or nothing yet."""
        return None


class Searches(Protocol):
    """An object of one's own: it finds texts, documents, passages or hits, best first."""

    def search(self, query: str, k: int) -> Iterable[Any]:
        """The at most ``k`` best; what is found may be anything that ``app.library.found.document_of`` takes."""
        ...


def searchable_of(corpus: AnyCorpus, models: SearchModels, open_corpus: Callable[[str], Searchable]) -> Searchable:
    """``corpus`` as something to ask; ``open_corpus`` opens a name.

    Raises ArgumentError for what is none, InputError for an empty list, and what ``open_corpus`` raises.
    """
    if isinstance(corpus, str):
        return open_corpus(corpus)
    require_kind(corpus)
    given: Any = corpus
    if _answers_as_a_corpus(given):
        answering: Searchable = given
        return answering
    if _is_retriever_of_langchain(given):
        return FoundPassages(lambda question, k: given.invoke(question), models, name=_name_of(given))
    if callable(getattr(given, "search", None)):
        return FoundPassages(_search_of(given), models, name=_name_of(given))
    texts = list(given)
    if not texts:
        raise InputError("the list of texts is empty", hint="give at least one text, or the name of a corpus")
    return Texts.of(texts, models)


def require_kind(corpus: object) -> None:
    """Raise ArgumentError for what can be no corpus, before anything is loaded."""
    if isinstance(corpus, type):
        raise ArgumentError(f"corpus is the class {corpus.__name__}", hint=f"give an object of it: {corpus.__name__}()")
    if isinstance(corpus, PurePath):
        raise ArgumentError(
            f"corpus is a path, {corpus}, and files are read into a corpus first",
            hint='make one and ask it: docs = Corpus.create("docs"); docs.add(path); Pipeline(corpus=docs)',
        )
    if isinstance(corpus, str) or _answers_as_a_corpus(corpus) or _is_retriever_of_langchain(corpus):
        return
    is_list = isinstance(corpus, Iterable) and not isinstance(corpus, bytes | bytearray | memoryview | Mapping)
    if not (is_list or callable(getattr(corpus, "search", None))):
        raise ArgumentError(f"corpus is {kind_of(corpus)}, of which nothing can be asked", hint=f"give {_KINDS}")


def _answers_as_a_corpus(corpus: object) -> bool:
    return _takes(getattr(corpus, "retrieve", None), "question", 1, 1)


def _is_retriever_of_langchain(corpus: object) -> bool:
    module = sys.modules.get("langchain_core.retrievers")
    return module is not None and isinstance(corpus, module.BaseRetriever)


def _search_of(corpus: Any) -> Callable[[str, int], Iterable[Any]]:
    """``corpus.search``, handed ``k`` if it takes one: by name, or second."""
    search: Callable[..., Iterable[Any]] = corpus.search
    if _takes(search, "question", k=1):
        return lambda question, k: search(question, k=k)
    if _takes(search, "question", 1):
        return search
    if _takes(search, "question"):
        return lambda question, k: search(question)
    raise ArgumentError(
        f"{_name_of(corpus)}.search takes no question", hint="write it so: def search(self, query: str, k: int)"
    )


def _takes(method: object, *args: object, **kwargs: object) -> bool:
    """Whether something can be called with these arguments."""
    if not callable(method):
        return False
    try:
        inspect.signature(method).bind(*args, **kwargs)
    except TypeError:
        return False
    except ValueError:  # Written in C, without a signature: calling it tells.
        return True
    return True


def _name_of(corpus: object) -> str:
    return type(corpus).__name__
