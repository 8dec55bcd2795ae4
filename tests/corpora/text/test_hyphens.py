"""Whether a hyphen at the end of a line belongs to the word: words that were broken, and words that have one."""

from __future__ import annotations

import pytest

from corpora.text.hyphens import Hyphens
from corpora.text.reflow import Joiner

# Where the slash stands the line ends behind a hyphen.
COMPOUNDS = (
    "father-/in-law father-in-/law sisters-/in-law state-/of-the-art state-of-/the-art state-of-the-/art up-/to-date "
    "up-to-/date face-to-/face day-to-/day editor-in-/chief commander-/in-chief jack-of-/all-trades merry-go-/round "
    "out-of-/date word-of-/mouth one-on-/one twenty-/one thirty-/seven forty-/eighth ninety-/nine seventy-/first "
    "COVID-/related DNA-/based UV-/resistant NATO-/led GPS-/enabled X-/ray T-/shirt e-/mail U-/turn x-/axis "
    "Berlin-/based London-/born Tokyo-/based Paris-/style Oslo-/trained Lisbon-/area vice-/president vice-/chair "
    "self-/made self-/confident self-/taught half-/empty half-/hour well-/being well-/read user-/friendly "
    "user-/defined full-/time full-/length cross-/country single-/handed double-/decker right-/hand left-/hand "
    "high-/speed low-/income long-/term long-/distance short-/sighted first-/class second-/rate third-/party "
    "three-/quarters two-/thirds four-/legged five-/year six-/month twelve-/year newly-/built highly-/paid "
    "read-/only year-/old weeks-/old blue-/eyed grey-/haired warm-/hearted kind-/hearted old-/fashioned "
    "climate-/related work-/related award-/winning best-/known far-/reaching good-/natured open-/minded "
    "water-/based age-/related fast-/growing wind-/powered steam-/powered family-/owned state-/funded "
    "nineteenth-/century mid-/century dining-/room sitting-/room drawing-/room waiting-/list living-/room "
    "non-/fiction non-/profit all-/round ill-/fated deep-/rooted easy-/going many-/sided middle-/aged ready-/made "
    "so-/called pages-/12 Saint-/Denis Anglo-/Saxon Franco-/German 10-/12 1999-/2001 "
    "peut-/être est-/il celui-/ci vingt-/deux A-/levels stand-/by passer-/by close-/up grown-/up "
).split()
BROKEN = (
    "docu-/ment docu-/mented Docu-/ment infor-/mation Infor-/mation gov-/ernment com-/puter com-/mittee pro-/gramme "
    "har-/bour har-/bours win-/ter sum-/mer au-/tumn fish-/ermen light-/house thou-/sand is-/land hus-/band "
    "er-/ror doc-/tor col-/our pota-/to pho-/to moth-/er broth-/ers Stock-/holm Wash-/ington Lon-/don Ger-/many "
    "un-/related cor-/related inter-/related re-/minded con-/founded un-/friendly dis-/oriented un-/based "
    "full-/ness high-/er high-/est high-/way high-/light low-/er long-/ing long-/er well-/ness all-/ow all-/iance "
    "self-/ish self-/less one-/self double-/d single-/s read-/ing read-/er right-/eous sec-/ond sec-/tion "
    "under-/stand under-/standing out-/standing over-/come with-/out with-/in every-/thing some-/thing any-/where "
    "how-/ever more-/over never-/theless inter-/national trans-/port super-/visor sub-/marine tele-/phone "
    "contin-/gent string-/ent pass-/ing hap-/pening light-/ning morn-/ing eve-/ning build-/ings analy-/sis paraly-/sis "
    "assemb-/ly famil-/iar poly-/gon butter-/fly re-/sign re-/port pre-/pare pre-/sent post-/pone co-/operate "
    "Ver-/waltung Gesell-/schaft Häu-/ser ge-/worden Schiff-/fahrt Leucht-/turm arbei-/ten zwi-/schen Mün-/chen "
    "mai-/son prin-/temps cou-/leur va-/leur liber-/té encon-/trar ciu-/dad traba-/jo mañ-/ana vär-/den "
    "DOCU-/MENT INFOR-/MATION HARB-/OUR use-/ful use-/less care-/ful hope-/fully friend-/ship child-/hood "
    "abil-/ity nation-/al person-/ality educa-/tion situa-/tion posi-/tive crea-/ture pic-/ture meas-/ure treas-/urer "
    "moun-/tain cap-/tain cer-/tain vil-/lage im-/age dam-/age man-/aged pack-/aged pas-/senger mes-/senger "
    "ele-/phant impor-/tant dis-/tance bal-/ance sci-/ence differ-/ence exer-/cise para-/graph tri-/angle qua-/lity"
).split()
SUSPENDED = "pre-/and post-war in-/and outflow Ein-/und Ausgang Haupt-/oder Nebenfach short-/or long-term "
SUSPENDED += "Sommer-/sowie Winterfahrplan avant-/et après-guerre in-/och utgång"


@pytest.mark.parametrize(
    ("cases", "seam", "least"), [(COMPOUNDS, "hyphen", 0.97), (BROKEN, "word", 0.97)], ids=["compounds", "broken words"]
)
def test_words_of_both_kinds(cases: list[str], seam: str, least: float) -> None:
    """Without a word of the text to go by, which is the hardest."""
    hyphens = Hyphens("")
    wrong = [case for case in cases if hyphens.seam(*_lines(case)) != seam]
    assert len(wrong) <= (1 - least) * len(cases), wrong


def _lines(case: str) -> tuple[str, str]:
    head, tail = case.split("/")
    return f"It was said of the {head}", f"{tail} of it"


def test_before_and_the_hyphen_stands_for_what_follows() -> None:
    joiner = Joiner("")
    for case in SUSPENDED.split(" "):
        if "/" in case:
            head, tail = case.split("/")
            assert joiner.joined([f"the {head}", f"{tail} the rest"]) == f"the {head} {tail} the rest"


def test_what_the_text_writes_elsewhere_decides() -> None:
    for written, seam in (("re-sign", "hyphen"), ("resign", "word"), ("vice-roy", "hyphen"), ("selfmade", "word")):
        head, tail = {"re": ("re", "sign"), "vi": ("vice", "roy"), "se": ("self", "made")}[written[:2]]
        assert Hyphens(f"They {written} it.").seam(f"to {head}-", f"{tail} it") == seam


def test_two_words_of_the_text_that_it_never_writes_in_one_have_a_hyphen() -> None:
    text = "The chimney stands in a corner. The shed is light, the house is white.\nIt is a chimney-\ncorner."
    assert Hyphens(text).seam("by the chimney-", "corner sat") == "hyphen"
    assert Hyphens(f"{text} The lighthouse is white.").seam("the light-", "house") == "word"
    assert Hyphens("The docu-\nment of the\ndocu-\nment.").seam("the docu-", "ment") == "word", "both are torn"


def test_a_long_text_that_breaks_no_words_keeps_its_hyphens() -> None:
    lines = [f"The boat number {number} came in and lay at the quay of the town." for number in range(60)]
    ragged = "\n".join([*lines, "It was a sun-", "bleached hull."])
    assert Hyphens(ragged).seam("It was a sun-", "bleached hull.") == "hyphen"
    assert Hyphens("\n".join(ragged.split("\n")[50:])).seam("It was a sun-", "bleached hull.") == "word", "it is short"
    broken = "\n".join([*lines, "The num-", "ber of boats", "It was a sun-", "bleached hull."])
    assert Hyphens(broken).seam("It was a sun-", "bleached hull.") == "word", "it breaks number"


def test_what_is_no_part_of_a_word_is_none() -> None:
    hyphens = Hyphens("")
    assert hyphens.seam("It was -", "so") is None
    assert hyphens.seam("It was-", "- so") is None
    assert Hyphens("", always_kept=True).seam("docu-", "ment") == "hyphen"
