"""PIA lookahead: a trie of the prompt and of all outputs; its most frequent nodes below the last two tokens.

Zhao et al. 2024, "Lookahead: An Inference Acceleration Framework for Large Language Model with Lossless Generation
Accuracy". The prompt's counts weigh 10,000 times those of outputs, half of the room is kept for outputs. A published
method to compare with; ``blend`` is ours. B nodes a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from decoding.interfaces import NO_ORIGIN, Commit, Request
from decoding.sources.base import DraftContext, DraftSource
from decoding.tree import AT_ROOT, DraftTree

_OUTPUT_WEIGHT = 1e-4
_QUERY = 2


@dataclass(slots=True)
class Node:
    """How often the path to here was seen, and what followed it."""

    count: float = 0.0
    children: dict[int, Node] = field(default_factory=dict)


@dataclass(slots=True)
class Trie:
    """One tree per first token; ``sizes`` counts its nodes. Above ``most`` of them the rare ones are forgotten."""

    most: int | None = None
    roots: dict[int, Node] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)

    def insert(self, tokens: Sequence[int]) -> None:
        """Count a path; its first token chooses the tree."""
        node = self.roots.setdefault(tokens[0], Node())
        for token in tokens[1:]:
            if token not in node.children:
                node.children[token] = Node()
                self.sizes[tokens[0]] = self.sizes.get(tokens[0], 0) + 1
            node = node.children[token]
            node.count += 1
        if self.most is not None and self.sizes.get(tokens[0], 0) > self.most:
            self.sizes[tokens[0]] = _halve(self.roots[tokens[0]])

    def find(self, tokens: Sequence[int]) -> Node | None:
        """The node at the end of the path ``tokens``."""
        node = self.roots.get(tokens[0])
        for token in tokens[1:]:
            node = node.children.get(token) if node is not None else None
        return node


def _halve(node: Node) -> int:
    """Halve counts below ``node``, drop what was seen once; how many nodes are left."""
    node.children = {token: child for token, child in node.children.items() if child.count > 1}
    for child in node.children.values():
        child.count /= 2
    return sum(1 + _halve(child) for child in node.children.values())


@dataclass(slots=True, eq=False)
class _TrieNode:
    """A node of both tries: how often it follows in the prompt and in outputs."""

    parent: _TrieNode | None
    token: int
    depth: int
    inputs: float
    outputs: float

    @property
    def mixed(self) -> float:
        return (1 - _OUTPUT_WEIGHT) * self.inputs + _OUTPUT_WEIGHT * self.outputs


class Pia(DraftSource):
    """``tries`` holds the outputs of each scope. ``stop_words`` are tokens that do not start a query alone."""

    name = "pia"

    def __init__(
        self, tries: dict[str, Trie], *, branch: int = 12, nodes: int = 64, stop_words: frozenset[int] = frozenset()
    ) -> None:
        self._tries = tries
        self._branch = branch
        self._nodes = nodes
        self._stop_words = stop_words
        self._inputs = Trie()
        self._outputs = Trie()
        self._prompt: tuple[int, ...] = ()
        self._written: list[int] = []
        self._inserted = 0

    def start(self, request: Request) -> None:
        """Insert every position of the prompt; its counts are dropped with the request."""
        self._inputs, self._written, self._inserted = Trie(), [], 0
        self._prompt = request.prompt[-_QUERY:]
        outputs = Trie(most=512)
        self._outputs = outputs if request.scope is None else self._tries.setdefault(request.scope, outputs)
        for start in range(len(request.prompt) - 1):
            self._inputs.insert(request.prompt[start : start + self._branch + 1])

    def propose(self, context: DraftContext) -> DraftTree:
        """The most frequent nodes below the last two tokens, or below the last one if they are too few."""
        latest = [*self._prompt, *context.output][-_QUERY:]
        limit = min(self._nodes, context.limit)
        best: list[_TrieNode] = []
        for start in range(len(latest)):
            query = latest[start:]
            if len(query) == 1 and query[0] in self._stop_words:
                break
            nodes = _chosen(list(_below(self._inputs.find(query), self._outputs.find(query))), limit)
            best = nodes or best
            if len(nodes) >= self._branch:
                break
        return _tree(best)

    def observe(self, commit: Commit) -> None:
        """Insert the positions of the output that have a whole branch after them."""
        self._written += commit.tokens
        self._insert(len(self._written) - self._branch)

    def finish(self) -> None:
        """Insert the end of the output, drop the prompt."""
        self._insert(len(self._written) - 1)
        self._inputs, self._prompt, self._written, self._inserted = Trie(), (), [], 0

    def _insert(self, end: int) -> None:
        for start in range(self._inserted, end):
            self._outputs.insert(self._written[start : start + self._branch + 1])
        self._inserted = max(self._inserted, end)


def _below(inputs: Node | None, outputs: Node | None) -> Iterator[_TrieNode]:
    """Every node below the two, a parent before its children."""
    waiting: list[tuple[_TrieNode | None, Node, Node]] = [(None, inputs or Node(), outputs or Node())]
    while waiting:
        parent, left, right = waiting.pop()
        for token in left.children | right.children:
            both = left.children.get(token, Node()), right.children.get(token, Node())
            depth = parent.depth + 1 if parent is not None else 1
            nodes = _TrieNode(parent, token, depth, both[0].count, both[1].count)
            yield nodes
            waiting.append((nodes, *both))


def _chosen(nodes: Sequence[_TrieNode], limit: int) -> list[_TrieNode]:
    """B nodes: half of them the most frequent in outputs, the others by both counts. A child never outranks its
    parent, so the chosen ones are a tree; a parent stands before its children.
    """
    by_output = sorted((node for node in nodes if node.outputs > 0), key=lambda node: (-node.outputs, node.depth))
    by_both = sorted(nodes, key=lambda node: (-node.mixed, node.depth))
    reserved = by_output[: limit // 2]
    known = {id(node) for node in reserved}
    others = [node for node in by_both if id(node) not in known][: limit - len(reserved)]
    return sorted([*reserved, *others], key=lambda node: node.depth)


def _tree(chosen: Sequence[_TrieNode]) -> DraftTree:
    total = sum(node.mixed for node in chosen if node.parent is None)
    numbers = {id(node): number for number, node in enumerate(chosen)}
    return DraftTree(
        tokens=tuple(node.token for node in chosen),
        parents=tuple(numbers[id(node.parent)] if node.parent is not None else AT_ROOT for node in chosen),
        probabilities=tuple(node.mixed / (node.parent.mixed if node.parent is not None else total) for node in chosen),
        origins=(NO_ORIGIN,) * len(chosen),
    )
