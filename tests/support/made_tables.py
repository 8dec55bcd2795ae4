"""Tables whose true lines are known: sheets of several kinds, made at random, with what each row must read as."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Values: TypeAlias = Callable[[random.Random], str]

FIRST = (
    "Anna Bo Cia Dag Elsa Finn Greta Hugo Ines Jonas Karin Leo Maja Nils Olga Per Rut Sara Tove Ulf Vera Åke".split()
)
LAST = "Holm Berg Ek Dahl Lind Falk Grip Strand Moreau Rossi Schmidt Novak Smith Jones Kowalski Okafor Tanaka".split()
PLACES = ["Malmö", "Lyon", "Porto", "Graz", "New York", "Cork", "San Remo", "Oslo", "Gdańsk", "Leeds", "Basel", "Turku"]
THINGS = [
    "Lamp",
    "Oak chair",
    "Copper wire",
    "Rope",
    "Anchor",
    "Sail",
    "Paint",
    "Steel bolt",
    "Oar",
    "Life vest",
    "Pump",
]
SHIPS = ["Alma", "Sif", "Freja", "Sea Otter", "Albatross", "Meduza", "Stella Maris", "Njord", "Grey Heron", "Dolphin"]
SAYINGS = [
    "The hatch does not close in strong wind and must be tied.",
    "Ask the harbour office before you enter the basin.",
    "Delivered twice, the second parcel went back to the sender.",
    "Painted in spring; the old paint was taken off first.",
    "Nobody was at home, the neighbour took it in.",
]


def _one_of(values: Sequence[str]) -> Values:
    return lambda chance: chance.choice(values)


COLUMNS: dict[str, tuple[list[str], Values]] = {
    "person": (
        [
            "Name",
            "name",
            "Employee",
            "Captain",
            "contact_person",
            "Ansprechpartner",
            "Nom",
            "Player",
            "Namn",
            "Skipper",
        ],
        lambda c: f"{c.choice(FIRST)} {c.choice(LAST)}",
    ),
    "first": (["First name", "first_name", "Vorname", "Förnamn", "Prénom", "Guest"], lambda c: c.choice(FIRST)),
    "place": (
        ["City", "city", "Port", "Ort", "Stadt", "Home port", "Ville", "location", "Town", "Miasto"],
        _one_of(PLACES),
    ),
    "thing": (
        ["Item", "product", "Artikel", "Description", "Product name", "Goods", "Vara", "Bezeichnung", "ITEM"],
        _one_of(THINGS),
    ),
    "ship": (["Boat", "Ship", "Vessel", "ship_name", "Schiff", "Båt", "Navire"], _one_of(SHIPS)),
    "state": (
        ["Status", "state", "Condition", "Zustand", "Order state"],
        _one_of(["open", "closed", "in repair", "sold"]),
    ),
    "group": (
        ["Category", "Dept.", "Team", "Abteilung", "Class", "kind"],
        _one_of(["Deck", "Galley", "Engine room", "Office"]),
    ),
    "saying": (["Remark", "Notes", "comment", "Bemerkung", "What happened", "Observations"], _one_of(SAYINGS)),
    "mail": (
        ["Email", "e-mail", "E-Mail-Adresse", "mail", "Contact"],
        lambda c: f"{c.choice(FIRST).lower()}@{c.choice(LAST).lower()}.example",
    ),
    "day": (
        ["Weekday", "Day", "Tag", "Open on"],
        _one_of("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
    ),
    "count": (
        ["Quantity", "qty", "Pieces", "Anzahl", "Crew", "Berths", "Antal", "Stock", "No. of berths"],
        lambda c: str(c.randint(0, 400)),
    ),
    "money": (
        ["Price", "price_eur", "Amount (EUR)", "Preis", "Total", "Salary", "Fee", "Betrag in €", "Rent"],
        lambda c: f"{c.randint(1, 9999)}.{c.randint(0, 99):02}",
    ),
    "share": (
        ["Margin", "Share", "growth", "VAT", "Anteil", "% of total"],
        lambda c: f"{c.randint(0, 99)}.{c.randint(0, 9)}%",
    ),
    "date": (
        ["Date", "Sold on", "order_date", "Datum", "Since", "Built", "Due"],
        lambda c: f"20{c.randint(10, 24)}-{c.randint(1, 12):02}-{c.randint(1, 28):02}",
    ),
    "time": (
        ["Time", "Opening", "Departure", "Uhrzeit", "ETA"],
        lambda c: f"{c.randint(0, 23):02}:{c.choice((0, 15, 30, 45)):02}",
    ),
    "year": (["Year", "Founded", "Baujahr", "built_in", "Årgång"], lambda c: str(c.randint(1900, 2024))),
    "code": (
        ["SKU", "Code", "Order no.", "Inventory number", "ID", "Artikelnummer"],
        lambda c: f"{c.choice('ABCDEF')}{c.choice('XYZ')}-{c.randint(100, 999)}",
    ),
    "number": (["No.", "id", "#", "Nr", "customer_id"], lambda c: str(c.randint(1000, 99999))),
    "power": (["Engine", "Power", "Leistung", "Motor"], lambda c: f"{c.randint(5, 400)} hp"),
    "truth": (["In stock", "Paid", "active", "Bezahlt", "Ok"], _one_of(["yes", "no"])),
    "street": (
        ["Address", "Street", "Straße", "street_address"],
        lambda c: f"{c.choice(LAST)} Street {c.randint(1, 99)}",
    ),
}
_SUMS = ("count", "money", "share")
TITLES = [
    "Staff plan of the ferry 2024",
    "Report of sales",
    "Harbour dues",
    "Überblick",
    "Stock on 3 May",
    "Price list 2020",
]
REMARKS = [
    ["Created: 2023-01-01", "by", "Nils"], ["as of", "2024-05-01"], ["Prices in EUR", "", "draft"],
    ["Source: harbour office"], ["Department", "North"], ["confidential"],
]  # fmt: skip


@dataclass(slots=True)
class Made:
    """Rows of cells (an empty list is a blank row) and the line that each row with cells must read as."""

    rows: list[list[str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    kind: str = ""

    def plain(self, cells: list[str]) -> None:
        """A row without names."""
        self.rows.append(cells)
        self.lines.append(" | ".join(cell for cell in cells if cell))

    def named(self, names: Sequence[str], cells: list[str]) -> None:
        """A row whose cells have names."""
        self.rows.append(cells)
        pairs = [(name, cell) for name, cell in zip(names, cells, strict=True) if cell]
        self.lines.append(" | ".join(f"{name}: {cell}" if name else cell for name, cell in pairs))

    def blank(self) -> None:
        self.rows.append([])


def made(chance: random.Random) -> Made:
    """A sheet: one of the kinds that are made here, and with what stands above and below it."""
    kind = chance.choices(list(_KINDS), [weight for weight, _ in _KINDS.values()])[0]
    sheet = Made(kind=kind)
    _KINDS[kind][1](sheet, chance)
    return sheet


def _columns(chance: random.Random, count: int | None = None) -> list[str]:
    return chance.sample(list(COLUMNS), count or chance.randint(2, 7))


def _names(chance: random.Random, columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        names.append(chance.choice([name for name in COLUMNS[column][0] if name not in names]))
    return names


def _cells(chance: random.Random, columns: Sequence[str], *, gaps: float = 0.05) -> list[str]:
    cells = [COLUMNS[column][1](chance) for column in columns]
    for n in range(1, len(cells)):
        if len(cells) > 2 and chance.random() < gaps:
            cells[n] = ""
    return cells


def _body(sheet: Made, chance: random.Random, names: Sequence[str], columns: Sequence[str]) -> None:
    gaps = chance.choice((0, 0, 0.1))
    for _ in range(chance.choice((2, 3, 5, 9, 30))):
        cells = _cells(chance, columns, gaps=gaps)
        if names and sum(map(bool, cells)) > 1:
            sheet.named(names, cells)
        else:
            sheet.plain(cells)


def _headed(sheet: Made, chance: random.Random) -> None:
    columns = _columns(chance)
    names = _names(chance, columns)
    sheet.plain(names)
    _body(sheet, chance, names, columns)


def _unheaded(sheet: Made, chance: random.Random) -> None:
    _body(sheet, chance, (), _columns(chance))


def _titled(sheet: Made, chance: random.Random) -> None:
    sheet.plain([chance.choice(TITLES)])
    if chance.random() < 0.6:
        sheet.plain(chance.choice(REMARKS))
    if chance.random() < 0.5:
        sheet.blank()
    _headed(sheet, chance)


def _titled_unheaded(sheet: Made, chance: random.Random) -> None:
    sheet.plain([chance.choice(TITLES)])
    _unheaded(sheet, chance)


def _grouped(sheet: Made, chance: random.Random) -> None:
    """Two header rows: groups of sums over years, seasons or parts."""
    labels = _columns(chance, chance.randint(1, 2))
    labels = [label for label in labels if label not in _SUMS] or ["thing"]
    groups = chance.sample(["Price EUR", "Visitors", "Sold", "Costs", "Umsatz"], chance.randint(1, 3))
    parts = chance.choice((["2022", "2023", "2024"], ["Q1", "Q2"], ["plan", "actual"], ["Adults", "Children"]))
    names = _names(chance, labels)
    is_below = chance.random() < 0.5
    upper, lower, whole = (
        (["" for _ in names] if is_below else list(names)),
        (list(names) if is_below else ["" for _ in names]),
        list(names),
    )
    for group in groups:
        upper += [group] + ["" for _ in parts[1:]]
        lower += parts
        whole += [f"{group}, {part}" for part in parts]
    sheet.plain(upper)
    sheet.plain(lower)
    _body(sheet, chance, whole, [*labels, *["count" for _ in range(len(groups) * len(parts))]])


def _years(sheet: Made, chance: random.Random) -> None:
    label = chance.choice(("place", "ship", "thing", "group"))
    first = chance.randint(1990, 2020)
    names = [*_names(chance, [label]), *(str(first + n) for n in range(chance.randint(2, 6)))]
    if chance.random() < 0.3:
        names[0] = ""
    sheet.plain(names)
    _body(sheet, chance, names, [label, *[chance.choice(_SUMS)] * (len(names) - 1)])


def _units(sheet: Made, chance: random.Random) -> None:
    names, units = ["Boat", "Length", "Weight", "Power"], ["", "m", "kg", "kW"]
    sheet.plain(names)
    sheet.plain(chance.choice((units, [unit and f"({unit})" for unit in units])))
    whole = ["Boat", "Length (m)", "Weight (kg)", "Power (kW)"]
    _body(sheet, chance, whole, ["ship", "money", "count", "count"])


def _form(sheet: Made, chance: random.Random) -> None:
    fields = chance.sample(list(COLUMNS), chance.randint(4, 9))
    end = chance.choice(("", "", ":"))
    for name, column in zip(_names(chance, fields), fields, strict=True):
        sheet.plain([name + end, COLUMNS[column][1](chance)])


_LABELLED: tuple[tuple[list[str], list[str]], ...] = (
    (["Company", "Firm", "Firma", "Employer"], ["Lindby Boats", "Holm & Sons", "North Sea Shipping"]),
    (["Name", "Owner", "Contact", "Namn"], [f"{first} {last}" for first, last in zip(FIRST, LAST, strict=False)]),
    (["Founded", "Born", "Built", "Baujahr"], ["1987", "1990", "3 May 1972"]),
    (["Staff", "Crew", "Members", "Berths"], ["14", "3", "120"]),
    (["Town", "City", "Home port", "Ort"], PLACES),
    (["Length", "Beam", "Draught", "Höhe"], ["8.2", "3.1 m", "12"]),
    (["Phone", "Telefon"], ["+46 70 123 45", "0047 55 12"]),
    (["Website", "Email"], ["www.lindby.example", "office@lindby.example"]),
    (["Motto", "Remark"], SAYINGS),
    (["Last inspection", "Date"], ["2024-05-06", "4 March 2023"]),
    (["Insured", "Active"], ["yes", "no"]),
    (["Price", "Fee"], ["400", "12.50 EUR"]),
)


def _key_values(sheet: Made, chance: random.Random) -> None:
    """Labels and what they say, whose first row is no name of the others."""
    count = chance.randint(2, len(_LABELLED))
    for labels, values in chance.sample(_LABELLED[:2], 1) + chance.sample(_LABELLED[2:], min(count - 1, 10)):
        sheet.plain([chance.choice(labels), chance.choice(values)])


def _two(sheet: Made, chance: random.Random) -> None:
    _headed(sheet, chance)
    if chance.random() < 0.3:
        sheet.plain(["Total", *["" for _ in range(3)]])
    sheet.blank()
    if chance.random() < 0.6:
        sheet.plain([chance.choice(TITLES)])
        if chance.random() < 0.3:
            sheet.blank()
    _headed(sheet, chance)


def _broken_by_blanks(sheet: Made, chance: random.Random) -> None:
    columns = _columns(chance)
    names = _names(chance, columns)
    sheet.plain(names)
    for _ in range(3):
        for _ in range(chance.randint(2, 5)):
            sheet.named(names, _cells(chance, columns, gaps=0))
        sheet.blank()


_KINDS: dict[str, tuple[int, Callable[[Made, random.Random], None]]] = {
    "headed": (30, _headed),
    "unheaded": (12, _unheaded),
    "titled": (14, _titled),
    "titled_unheaded": (4, _titled_unheaded),
    "grouped": (10, _grouped),
    "years": (8, _years),
    "units": (4, _units),
    "form": (6, _form),
    "key_values": (8, _key_values),
    "two": (10, _two),
    "broken_by_blanks": (5, _broken_by_blanks),
}
