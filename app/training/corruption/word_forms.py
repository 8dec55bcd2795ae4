"""Which words are forms of one another: learned from a vocabulary for regular words, a table for irregular ones.

Knows English spelling rules of inflection. Must not know sentences or errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass

IRREGULAR = (
    "be is are was were been being am", "have has had having", "do does did done doing",
    "go goes went gone going", "make makes made making", "take takes took taken taking", "get gets got getting",
    "give gives gave given giving", "see sees saw seen seeing", "come comes came coming",
    "know knows knew known knowing", "think thinks thought thinking", "say says said saying",
    "find finds found finding", "tell tells told telling", "become becomes became becoming",
    "show shows showed shown showing", "leave leaves left leaving", "feel feels felt feeling",
    "bring brings brought", "begin begins began begun beginning", "keep keeps kept keeping",
    "hold holds held holding", "write writes wrote written", "stand stands stood standing",
    "hear hears heard hearing", "mean means meant meaning", "meet meets met meeting", "run runs ran running",
    "pay pays paid paying", "sit sits sat sitting", "speak speaks spoke spoken speaking",
    "lead leads led leading", "grow grows grew grown growing", "lose loses lost losing",
    "fall falls fell fallen falling", "send sends sent sending", "build builds built building",
    "understand understands understood", "draw draws drew drawn", "break breaks broke broken breaking",
    "spend spends spent spending", "drive drives drove driven driving", "buy buys bought buying",
    "choose chooses chose chosen choosing", "eat eats ate eaten eating", "win wins won winning",
    "teach teaches taught teaching", "learn learns learned learnt learning", "catch catches caught catching",
    "fly flies flew flown flying", "rise rises rose risen rising", "sell sells sold selling",
    "sleep sleeps slept sleeping", "feed feeds fed feeding", "forget forgets forgot forgotten forgetting",
    "sing sings sang sung singing", "swim swims swam swum swimming", "drink drinks drank drunk drinking",
    "wear wears wore worn wearing", "tear tears tore torn tearing", "throw throws threw thrown throwing",
    "ride rides rode ridden riding", "hide hides hid hidden hiding", "bite bites bit bitten biting",
    "shake shakes shook shaken shaking", "steal steals stole stolen stealing", "wake wakes woke woken waking",
    "freeze freezes froze frozen freezing", "ring rings rang rung ringing", "sink sinks sank sunk sinking",
    "shoot shoots shot shooting", "dig digs dug digging", "hang hangs hung hanging", "fight fights fought fighting",
    "seek seeks sought seeking", "lend lends lent lending", "bend bends bent bending", "stick sticks stuck sticking",
    "strike strikes struck striking", "swear swears swore sworn swearing", "sweep sweeps swept sweeping",
    "lay lays laid laying", "blow blows blew blown blowing", "beat beats beat beaten beating",
    "deal deals dealt dealing", "forgive forgives forgave forgiven forgiving", "put puts put putting",
    "cut cuts cut cutting", "hit hits hit hitting", "let lets let letting", "set sets set setting",
    "cost costs cost costing", "hurt hurts hurt hurting", "read reads read reading", "shut shuts shut shutting",
    "shine shines shone shining", "spread spreads spread spreading",
    "arise arises arose arisen arising", "creep creeps crept creeping",
    "flee flees fled fleeing", "mistake mistakes mistook mistaken mistaking",
    "overcome overcomes overcame overcoming", "withdraw withdraws withdrew withdrawn withdrawing",
    "undergo undergoes underwent undergone undergoing", "light lights lit lighting", "can could", "will would",
    "shall should", "may might", "man men", "woman women", "child children", "person people", "life lives", "foot feet",
    "tooth teeth", "mouse mice", "wife wives", "knife knives", "this these", "that those",
)  # fmt: skip

_NOT_REGULARIZED = frozenset("be can will shall may this that person".split())
_RARE = 3
"""A form counts as a word if the vocabulary has it at least this often."""


@dataclass(frozen=True, slots=True)
class WordForms:
    """Forms by word, all lower case: `verbs[w]` other forms of the verb, `nouns[w]` the other number, `adverbs[w]`."""

    verbs: dict[str, tuple[str, ...]]
    nouns: dict[str, str]
    adverbs: dict[str, str]


def learn(sentences: Iterable[str]) -> WordForms:
    """Families of forms that all occur in these sentences, plus the irregular ones."""
    counts = Counter(word for sentence in sentences for word in sentence.split() if word.isalpha() and word.islower())
    known = {word for word, count in counts.items() if count >= _RARE}
    verbs: dict[str, tuple[str, ...]] = {}
    nouns: dict[str, str] = {}
    adverbs: dict[str, str] = {}
    for word in sorted(known):
        if len(word) < 3:
            continue
        past, ing, third = past_of(word, known), ing_of(word, known), plural_of(word)
        if past and ing:
            family = [word, past, ing, *([third] if third in known else [])]
            verbs |= {w: tuple(f for f in family if f != w) for w in family if w not in verbs}
        if third in known:
            nouns |= {word: third, third: word}
        adverb = word[:-1] + "ily" if word.endswith("y") else word + "ly"
        if adverb in known:
            adverbs |= {word: adverb, adverb: word}
    for line in IRREGULAR:
        family = line.split()
        verbs |= {w: tuple(f for f in family if f != w) for w in family}
    return WordForms(verbs=verbs, nouns=nouns, adverbs=adverbs)


def regularized(known: Container[str]) -> dict[str, str]:
    """What the rules make of known words that go another way, and what is right: "gived" -> "gave", "storys"."""
    made: dict[str, str] = {}
    for line in IRREGULAR:
        base, *forms = line.split()
        if base in _NOT_REGULARIZED or not forms:
            continue
        if len(forms) > 1:
            made[base + ("d" if base.endswith("e") else "ed")] = forms[1]
        else:
            made |= {plural_of(base): forms[0], forms[0] + "s": forms[0]}
    return {bad: good for bad, good in made.items() if good in known and bad not in known and bad != good}


def plural_of(word: str) -> str:
    """The word with its -s: "city" -> "cities", "box" -> "boxes"."""
    if word.endswith("y") and len(word) > 2 and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "z", "ch", "sh")) else "s")


def past_of(word: str, known: set[str]) -> str | None:
    """The -ed form that is known: "use" -> "used", "stop" -> "stopped", "try" -> "tried"."""
    return _first_known(
        (word + "ed", word + "d" if word.endswith("e") else "", word + word[-1] + "ed", word[:-1] + "ied"), known
    )


def ing_of(word: str, known: set[str]) -> str | None:
    """The -ing form that is known: "use" -> "using", "stop" -> "stopping"."""
    shortened = word[:-1] + "ing" if word.endswith("e") else ""
    return _first_known((word + "ing", shortened, word + word[-1] + "ing"), known)


def _first_known(candidates: tuple[str, ...], known: set[str]) -> str | None:
    return next((c for c in candidates if c in known), None)
