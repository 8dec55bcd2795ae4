"""Every known way to get sampler, stops, scheduler or cache wrong turns a named check red; unchanged, all are green.

A mutant that a suite lets pass is a hole in the suite. The checks are those of the other modules, kept short.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from decoding.drafters import layer_skip as layer_skip_module
from decoding.errors import DecodingError
from decoding.scheduling import prefix_cache
from decoding.scheduling.scheduler import Scheduler
from decoding.scheduling.session import Choice, Session
from decoding.sources.neural.multi_position import MedusaSource, ParallelSource
from decoding.target import masks
from decoding.target import target as target_module
from decoding.target.hidden_states import Forward
from decoding.target.loading import target_of
from decoding.target.target import Target
from decoding.target.tree_cache import TreeCache
from decoding.tree import DraftTree, TokenTree
from decoding.verification import acceptance, sampling
from decoding.verification.logits import Likeliest, TreeLogits
from tests.decoding import test_bad_input as bad
from tests.decoding import test_exactness as exactness
from tests.decoding.drafters import test_layer_skip as layer_skip
from tests.decoding.drafters import test_medusa_heads as medusa_heads
from tests.decoding.drafters import test_parallel_drafter as parallel
from tests.decoding.scheduling import test_stops as stops
from tests.decoding.target import test_hidden_states as hidden_states
from tests.decoding.target.test_tree_cache_rounds import Rounds, check_states
from tests.decoding.test_pairwise import check_row
from tests.decoding.verification import test_seeds as seeds
from tests.support.broken_models import mutate
from tests.support.drafters import random_heads
from tests.support.fakes import SLIDING, tiny_model

Targets = Mapping[str, Target]
ROWS = (
    ("oracle", "repetition", "none", "llama", "3", "hot", "tree"),
    ("mixed", "no-repeat", "frequency", "qwen3", "uneven", "greedy", "tree"),
    ("mixed", "none", "none", "gpt2", "8", "greedy", "tree"),
    ("everything", "bad-words", "copy-bias", "phi3", "2", "top-k-top-p", "tree"),
    ("mixed", "none", "none", "gemma2", "3", "greedy", "tree"),
    ("oracle", "none", "none", "mistral", "uneven", "min-p", "chain"),
)
FACTOR_NAMES = ("source", "first", "second", "architecture", "batch", "mode", "shape")


def rows(targets: Targets) -> None:
    """Rows of the pairwise design."""
    for number, values in enumerate(ROWS):
        check_row(dict(zip(FACTOR_NAMES, values, strict=True)), targets, number)


def ends(targets: Targets) -> None:
    """Where answers end."""
    rng = random.Random(0)
    for _ in range(40):
        written = [rng.randrange(2, 7) for _ in range(rng.randrange(1, 10))]
        runs = [tuple(written[at : at + 2]) for at in range(0, len(written), 4)][: rng.randrange(3)]
        end = frozenset(rng.sample(written, rng.randrange(2)))
        ending = stops.Ending(tuple(written), end, tuple(runs), rng.randrange(1, 14), rng.randrange(1, 9))
        stops.check_ending(targets["llama"], ending)
    exactness.test_positions_near_the_end_of_the_context_are_exact(dict(targets))


def draws(targets: Targets) -> None:
    """The distribution that is sampled from."""
    seeds.check_draws(1500, range(1))


def crowd(targets: Targets) -> None:
    """Seeds in a crowd."""
    seeds.check_crowd(targets["llama"], 9, seed=1, rounds=3)


def cache(targets: Targets) -> None:
    """Rounds on the cache."""
    for name in ("llama", "gpt2"):
        Rounds(targets[name], name).run(50, every=2)


def states(targets: Targets) -> None:
    """Processor states and noise after every commit."""
    check_states(targets["llama"], 0)


def ties(targets: Targets) -> None:
    """Logits that are all equal."""
    bad.test_logits_that_are_all_equal_choose_the_first_token_everywhere()


def outside(targets: Targets) -> None:
    """Drafted ids outside the vocabulary."""
    for kind in bad.OUTSIDE:
        bad.test_ids_outside_the_vocabulary_are_dropped(targets["llama"], kind)


def errors(targets: Targets) -> None:
    """Errors reach whom they concern."""
    bad.test_a_model_that_computes_nan_ends_in_a_clear_error()
    bad.test_an_error_reaches_its_reader_whoever_made_the_step(targets["llama"])


def hidden(targets: Targets) -> None:
    """Hidden states of every row and node, and which of them heads draft from."""
    own = hidden_states.keeping("qwen3")
    hidden_states.check_chains("mamba2")
    hidden_states.check_rows(own)
    hidden_states.check_commits("oracle", do_sample=True)
    medusa_heads.check_states_used(own, random_heads(own))


def masked(targets: Targets) -> None:
    """What a parallel drafter reads and keeps."""
    parallel.check_guesses(targets["llama"])


def skipped(targets: Targets) -> None:
    """Layers that are left out, of models whose layers differ."""
    for architecture in ("llama", "gpt2", "gemma2"):
        layer_skip.check_view(architecture, (0, 2))
        layer_skip.check_sharing(architecture)


CHECKS: tuple[Callable[[Targets], None], ...] = (
    rows, ends, draws, crowd, cache, states, ties, outside, errors, hidden, masked, skipped,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is done wrong, in which function, by which change; and the check that must see it."""

    name: str
    function: Callable[..., Any]
    old: str
    new: str
    check: Callable[[Targets], None]


SAMPLER = (
    Mutant("noise ignores the position", sampling.choose, "seed, position, kept_K", "seed, 0, kept_K", draws),
    Mutant("noise ignores the token", sampling.choose, "position, kept_K,", "position, kept_K * 0,", draws),
    Mutant("noise ignores the seed", sampling.choose, "gumbel(sampling.seed,", "gumbel(0,", draws),
    Mutant(
        "noise by rank among the kept tokens", sampling.choose, "position, kept_K,", "position, kept_K.argsort(),", rows
    ),
    Mutant("the same noise for half of the tokens", sampling.gumbel, "tokens.astype", "(tokens // 2).astype", draws),
    Mutant("uniform instead of Gumbel noise", sampling.gumbel, "-np.log(-np.log(_unit(bits)))", "_unit(bits)", draws),
    Mutant("temperature forgotten", sampling._kept, "logits_V / sampling.temperature", "logits_V", draws),
    Mutant("one too few in top-k", sampling._kept, "[-sampling.top_k]", "[1 - sampling.top_k]", draws),
    Mutant(
        "the last of equal maxima on the device",
        Likeliest.of,
        "best.indices,",
        "self._logits_BNV.shape[-1] - 1 - self._logits_BNV.flip(-1).argmax(-1),",
        ties,
    ),
    Mutant(
        "the last of equal maxima",
        sampling._best,
        "logits_V.argmax()",
        "logits_V.size - 1 - logits_V[::-1].argmax()",
        ties,
    ),
    Mutant(
        "noise by place in the tree", Choice._processed, "position=self.position", "position=tree.depths[node]", rows
    ),
    Mutant("noise by size of the tree", Choice.token, "self.position += 1", "self.position += len(tree)", states),
    Mutant("one draw for a whole path", acceptance.sample_and_match, "token = draw(node)", "token = draw(ROOT)", rows),
)
PROCESSORS = (
    Mutant("processors never advance", Choice._processed, "processor.advance(state, token) for", "state for", states),
    Mutant(
        "processors advance by the node before",
        Choice._processed,
        "(state, token)",
        "(state, tree.tokens[node])",
        states,
    ),
    Mutant(
        "processors advance for rejected nodes, too",
        Choice._processed,
        "advance(state, token)",
        "advance(processor.advance(state, next(iter(tree.children[node]), token)), token)",
        states,
    ),
    Mutant("processors see the logits of the root", Choice._processed, "logits.row(node)", "logits.row(0)", rows),
)
WALK = (
    Mutant(
        "any drafted child is followed",
        acceptance.sample_and_match,
        "tree.child(node, token)",
        "next(iter(tree.children[node].values()), None)",
        rows,
    ),
    Mutant(
        "the drafted token is committed",
        acceptance.sample_and_match,
        "token = draw(node)",
        "token = next(iter(tree.children[node]), draw(node))",
        rows,
    ),
    Mutant(
        "the bonus token is not looked up in the tree",
        acceptance.sample_and_match,
        "path.append(node)",
        "path.append(len(path) + 1)",
        rows,
    ),
)
ENDS = (
    Mutant(
        "the walk goes on behind an end",
        acceptance.sample_and_match,
        "if ended(token):",
        "if ended(token) and node is None:",
        ends,
    ),
    Mutant(
        "ends are looked for one token late",
        acceptance.sample_and_match,
        "if ended(token):",
        "if ended(([-1] + tokens)[-2]):",
        ends,
    ),
    Mutant("one token more than allowed", Session._reason, ">= self.request.max", "> self.request.max", ends),
    Mutant("one token more than the context", Session._reason, ">= self._context", "> self._context", ends),
    Mutant(
        "stop strings before end tokens",
        Session._reason,
        "self.request.eos_ids:",
        "self.request.eos_ids and not stopped:",
        ends,
    ),
    Mutant(
        "the limit before stop strings",
        Session._reason,
        "if stopped:",
        "if stopped and self._choice.written < self.request.max_new_tokens:",
        ends,
    ),
    Mutant(
        "stop strings are asked only of the target's own tokens",
        acceptance.sample_and_match,
        "if ended(token):",
        "if node is None and ended(token):",
        ends,
    ),
)
CACHE = (
    Mutant("the root is not kept", TreeCache.keep_rows, "else 1 + len(path)", "else len(path)", cache),
    Mutant("rejected trees leave their root", TreeCache.keep_rows, "[0 if path is None", "[1 if path is None", cache),
    Mutant("nodes are taken one too early", TreeCache.keep_rows, "base + node)", "base + node - 1)", cache),
    Mutant("nodes are put one too late", TreeCache.keep_rows, "(base + to,", "(base + to + 1,", cache),
    Mutant(
        "a path is kept backwards", TreeCache.keep_rows, "enumerate(path or ()", "enumerate((path or ())[::-1]", cache
    ),
    Mutant(
        "the nodes of another row are moved",
        TreeCache.keep_rows,
        "slice(first, first + len(paths))",
        "slice(0, len(paths))",
        cache,
    ),
    Mutant(
        "no move where one row needs none",
        TreeCache.keep_rows,
        "longest = max(map(len, moves))",
        "longest = min(map(len, moves))",
        cache,
    ),
    Mutant(
        "the last row is not moved",
        TreeCache.drop_row,
        "layer.copy_row(row, layer, last, self._lengths[last])",
        "pass",
        cache,
    ),
    Mutant(
        "the last row's length is lost", TreeCache.drop_row, "self._lengths[row] = self._lengths[last]", "pass", cache
    ),
    Mutant(
        "a row is copied without its last token",
        TreeCache.add_row,
        "other, row, length)",
        "other, row, length - 1)",
        cache,
    ),
    Mutant(
        "a prefix one token too long is reused",
        prefix_cache._common,
        "int(differing[0])",
        "int(differing[0]) + 1",
        cache,
    ),
    Mutant("the whole of a prompt is reused", prefix_cache.PrefixCache.find, "prompt[:-1]", "prompt", rows),
)
FORWARD = (
    Mutant(
        "siblings see each other", TokenTree.ancestor_mask, "mask_NN[node] |=", "mask_NN[node, :node] |= True or", rows
    ),
    Mutant("a node sees only its root", TokenTree.ancestor_mask, "mask_NN[self.parents[node]]", "mask_NN[0]", rows),
    Mutant(
        "a pruned tree mixes its parents up", TokenTree.pruned, "numbers[self.parents[node]]", "len(tree) - 1", rows
    ),
    Mutant(
        "a position is a place, not a depth",
        Target.verify_rows,
        "for depth in tree.depths",
        "for depth in range(len(tree))",
        rows,
    ),
    Mutant("positions forget what is unread", Target.verify_rows, "base + len(ids) + depth", "base + depth", rows),
    Mutant(
        "padding and stale slots are seen",
        masks.attention_masks,
        "(place_BK < 0)",
        "((place_BK < 0) | (place_BK >= nodes))",
        rows,
    ),
    Mutant("a window is one too wide", masks.attention_masks, "< attention.window", "<= attention.window", rows),
    Mutant(
        "a window counts slots instead of positions",
        masks.attention_masks,
        "positions_BN[:, :, None] -",
        "(bases_B[:, None] + torch.arange(nodes))[:, :, None] -",
        rows,
    ),
)
SCHEDULER = (
    Mutant(
        "rows keep others' paths", Scheduler._accept, "for path, _ in accepted", "for path, _ in accepted[::-1]", crowd
    ),
    Mutant("the cache drops another row", Scheduler._drop_row, "drop_row(row)", "drop_row(len(self._rows) - 1)", crowd),
    Mutant("an error of another's turn is lost", Scheduler.iterate, "slot.error is not None", "False", errors),
    Mutant("ids behind the vocabulary are drafted", DraftTree.within, "token < vocab_size", "token < 2**62", outside),
    Mutant("negative ids are drafted", DraftTree.within, "0 <= token", "-9 <= token", outside),
    Mutant("large ids pass unseen", DraftTree.within, "max(self.tokens) <", "min(self.tokens) <", outside),
    Mutant("negative ids pass unseen", DraftTree.within, "min(self.tokens) >= 0", "min(self.tokens) >= -9", outside),
    Mutant("NaN is a token", TreeLogits.greedy, "token == _NONE", "False", errors),
)
DRAFTERS = (
    Mutant("states of the first row", target_module._by_row, "hidden_BND[row, nodes]", "hidden_BND[0, nodes]", hidden),
    Mutant(
        "states forget what is unread",
        target_module._by_row,
        "hidden_BND[row, nodes]",
        "hidden_BND[row, : len(tree)]",
        hidden,
    ),
    Mutant("states of the first nodes", Forward.of.__func__, "hidden_BND[:, -nodes:]", "hidden_BND[:, :nodes]", hidden),
    Mutant(
        "the state of the node before",
        acceptance.Walk.last.fget,
        "len(self.tokens) - 1",
        "len(self.tokens) - 2",
        hidden,
    ),
    Mutant("the state of the root", MedusaSource.observe, "commit.last_node", "0", hidden),
    Mutant("masks stay in the cache", ParallelSource.propose, "[(), chains[-1]]", "[chains[-1], ()]", masked),
    Mutant("masks are drafted", ParallelSource.propose, "below=self._shared.vocab_size", "below=None", masked),
    Mutant(
        "a mask too few is read", ParallelSource.propose, "min(len(masks) + 1, limit)", "min(len(masks), limit)", masked
    ),
    Mutant("layers keep their numbers", layer_skip_module._changed, '"layer_idx", number', '"layer_idx", 1', skipped),
    Mutant("other layers are left out", layer_skip_module._view, "not in set(layers)", "in set(layers)", skipped),
    Mutant(
        "the wrong kinds of layers",
        layer_skip_module._cut,
        "for layer in kept)",
        "for layer in range(len(kept)))",
        skipped,
    ),
    Mutant(
        "the target's own modules are changed",
        layer_skip_module._twin,
        "object.__new__(type(module))",
        "module",
        skipped,
    ),
)
MUTANTS = (*SAMPLER, *PROCESSORS, *WALK, *ENDS, *CACHE, *FORWARD, *SCHEDULER, *DRAFTERS)
RED = (AssertionError, IndexError, KeyError, ValueError, RuntimeError, TypeError, DecodingError)


@pytest.fixture(scope="module")
def all_targets(targets: dict[str, Target]) -> dict[str, Target]:
    sliding = {name: target_of(tiny_model(name, seed=3).double(), name=name) for name in SLIDING}
    return {**targets, **sliding, "other": target_of(tiny_model("llama", seed=9).double(), name="other")}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_is_green_without_a_mutant(
    check: Callable[[Targets], None], all_targets: dict[str, Target]
) -> None:
    check(all_targets)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_turns_its_check_red(
    mutant: Mutant, all_targets: dict[str, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(mutant.function, mutant.old, mutant.new, monkeypatch)
    with pytest.raises(RED):
        mutant.check(all_targets)


def test_mutants_are_named_apart() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 16
    assert {mutant.check for mutant in MUTANTS} == set(CHECKS), "every check sees something"
