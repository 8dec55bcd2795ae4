"""Values by their number formats, as a spreadsheet program shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.loaders.formats.office.number_formats import BUILT_IN, NumberFormat

DAY = 45_000  # 15 March 2023, a Wednesday


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        # percent, decimals, thousands, currencies
        (0.15, "0.0%", "15.0%"), (0.15, "0%", "15%"), (0.5, "0 %", "50 %"), (1 / 3, "0.00%", "33.33%"),
        (-0.25, "0.00%", "-25.00%"), (1234.5, '#,##0.00 "EUR"', "1,234.50 EUR"),
        (1234.5, "#,##0.00\\ [$€-407]", "1,234.50 €"),
        (5, "[$€-407] #,##0.00", "€ 5.00"), (-45, "#,##0 [$kr-41D]", "-45 kr"), (0, "#,##0.00", "0.00"),
        (5, '_-* #,##0.00\\ "kr"_-;-* #,##0.00\\ "kr"_-;_-* "-"??\\ "kr"_-', "5.00 kr"), (1.005, "0.00", "1.01"),
        (2.5, "0", "3"), (0.999999, "0.00", "1.00"), (-0.001, "0.00", "0.00"), (1234567, '#,##0,"k"', "1,235k"),
        (1234567, '0.0,,"M"', "1.2M"), (5.5, "0.##", "5.5"), (5, "0.##", "5"), (5, "0.0#", "5.0"), (0.5, "#.##", ".5"),
        # leading zeros, and literals inside
        (42, "00000", "00042"), (7, '"Nr. "0', "Nr. 7"), (123456789, "000-00-0000", "123-45-6789"),
        (5551234567, "(###) ###-####", "(555) 123-4567"), (12, "0\\°", "12°"), (1234, "# ##0", "1 234"),
        (10, "#", "10"),
        # sections, colours, conditions
        (-1234.567, "#,##0.00;[Red](#,##0.00)", "(1,234.57)"), (1234.5, "#,##0.00_);(#,##0.00)", "1,234.50"),
        (0, '0;-0;"zero"', "zero"), (1, '"Yes";"Yes";"No"', "Yes"), (0, '"Yes";"Yes";"No"', "No"), (0, "0;-0;;@", ""),
        (150, '[>100]"big";[<0]"neg";0', "big"), (-3, '[>100]"big";[<0]"neg";0', "neg"),
        (-3, '[<0](0);0', "(3)"),
        (50, '[>100]"big";[<0]"neg";0', "50"), (5, '[Color 5]0" kg"', "5 kg"), (5, ";;;", "5"),
        # fractions and powers of ten
        (0.5, "# ?/?", "1/2"), (1.5, "# ?/?", "1 1/2"), (2, "# ?/?", "2"), (0.375, "# ??/??", "3/8"),
        (0.5, "??/??", "1/2"),
        (1.25, "# ?/8", "1 2/8"), (12345.678, "0.00E+00", "1.23E+04"), (12345.678, "##0.0E+0", "12.3E+3"),
        (0.00012, "0.00E+00", "1.20E-04"), (9.99, "0.0E+0", "1.0E+1"), (99950, "##0.0E+0", "100.0E+3"),
        # as many decimals as a program lets people ask for
        (1.5, "0." + "0" * 30, "1.5" + "0" * 29), (-1e24, '#,##0.00 "x"', "-1,000,000,000,000,000,000,000,000.00 x"),
        (1.5, "0." + "0" * 30 + "E+00", "1.5" + "0" * 29 + "E+00"),
        # dates, times, durations
        (DAY + 0.4, "h:mm", "9:36"), (DAY + 0.4, "hh:mm", "09:36"), (DAY, "dd/mm/yyyy", "15/03/2023"),
        (DAY, "d.m.yy", "15.3.23"),
        (DAY, "d. mmmm yyyy", "15. March 2023"), (DAY, "[$-407]d. mmmm yyyy", "15. März 2023"),
        (DAY, "mmm-yy", "Mar-23"),
        (DAY, "[$-sv-SE]dddd d mmmm", "onsdag 15 mars"), (DAY, "ddd, d mmm", "Wed, 15 Mar"),
        (DAY + 0.75, "h:mm AM/PM", "6:00 PM"),
        (DAY + 0.02, "h:mm a/p", "12:28 a"), (DAY + 0.75, "h:mm am/pm", "6:00 PM"),
        (DAY + 0.4, '上午/下午h"时"mm"分"', "上午9时36分"),
        (DAY, "mmmmm", "M"), (DAY, "bbbb", "2566"), (0.5, "mm:ss", "00:00"),
        (DAY + 0.4, "m/d/yy h:mm", "3/15/23 9:36"), (1.5, "[h]:mm:ss", "36:00:00"), (1.5, "[mm]:ss", "2160:00"),
        (DAY + 0.123456, "hh:mm:ss.000", "02:57:46.598"),
        (1.5, "[s]." + "0" * 20, "129600.000000"), (1, "yyyy-mm-dd", "1900-01-01"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (DAY, "yyyy-mm-dd h:mm:ss", "2023-03-15"), (DAY + 0.5, "yyyy-mm-dd h:mm:ss", "2023-03-15 12:00"),
        (DAY, BUILT_IN[14], "2023-03-15"), (DAY, "[$-F800]dddd, mmmm dd, yyyy", "2023-03-15"), (-5, "yyyy-mm-dd", "-5"),
        # without a format
        (0.1 + 0.2, "General", "0.3"), (4006381333931, "General", "4006381333931"), (1e-7, "General", "1E-07"),
        (1.234567890123457e16, "General", "12345678901234600"), (1e300, "General", "1E+300"),
        (5, 'General "pcs"', "5 pcs"),
        (42, "@", "42"),
    ],
)  # fmt: skip
def test_values_are_shown_as_the_sheet_shows_them(value: float, code: str, shown: str) -> None:
    assert NumberFormat.of(code).number(value) == shown


def test_days_are_counted_from_1904_where_the_workbook_says_so() -> None:
    assert NumberFormat.of("yyyy-mm-dd").number(DAY - 1462, since_1904=True) == "2023-03-15"


def test_formats_of_texts() -> None:
    assert NumberFormat.of('"No. "@').text("A") == "No. A"
    assert NumberFormat.of('0;0;0;"t: "@').text("x") == "t: x"
    assert NumberFormat.of("0.00").text("x") == NumberFormat.of("@").text("x") == "x"


CODES = st.text(st.sampled_from('0#?.,%/E+-@;yYmMdDhHsS[]<>=1"\\_* $€GeneralAMPM:()'), max_size=20)


@given(st.floats(allow_nan=False, allow_infinity=False), CODES)
def test_any_code_shows_any_number(value: float, code: str) -> None:
    assert isinstance(NumberFormat.of(code).number(value), str)


@given(
    st.floats(-1e30, 1e30) | st.integers(-(10**9), 10**9) | st.decimals(-10, 10, places=3).map(float),
    st.tuples(
        st.sampled_from(["", '"No. "', "$", "(", "- "]),
        st.sampled_from(["0", "#,##0", "##0", "000", "#0", "###,##0"]),
        st.sampled_from(["", ".0", ".00", "." + "0" * 9]),
        st.sampled_from(["", "%", " %", '" kg"', ")"]),
    ),
)
def test_the_short_way_of_plain_formats_shows_what_the_long_one_does(value: float, parts: tuple[str, ...]) -> None:
    plain = NumberFormat.of("".join(parts))
    long = NumberFormat(plain.code, tuple(replace(section, plain=None) for section in plain.sections))
    assert plain.number(value) == long.number(value)


@given(st.integers(0, 10**14), st.integers(2, 6))
def test_decimals_are_those_of_exact_arithmetic(hundredths: int, places: int) -> None:
    whole, rest = divmod(hundredths, 100)
    shown = NumberFormat.of("#,##0." + "0" * places).number(hundredths / 100)
    assert shown == f"{whole:,}.{rest:02}" + "0" * (places - 2)
