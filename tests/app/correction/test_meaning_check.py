"""What a correction must not lose, however small the change looks."""

from __future__ import annotations

import pytest

from app.correction.meaning_check import keeps_its_meaning, without_great_changes


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("We can not come today.", "We can come today."),
        ("You must never smoke here.", "You must smoke here."),
        ("There is no room for it.", "There is room for it."),
        ("They did n't see it.", "They did see it."),
        ("She has ten cats.", "She has two cats."),
        ("It took five days.", "It took nine days."),
        ("I love it 😍😍 so much!", "I love it 😍 so much!"),
    ],
)
def test_denials_numbers_and_signs_must_not_be_lost(source: str, corrected: str) -> None:
    assert not keeps_its_meaning(source, corrected, strict=True)


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("We can not come today.", "We cannot come today."),
        ("They dont see it.", "They don't see it."),
        ("They did n't saw it.", "They didn't see it."),
        ("She has ten cat.", "She has ten cats."),
        ("He is is here.", "He is here."),
        ("I agree becouse they is right.", "I agree because they are right."),
        ("The dog wags it's tail.", "The dog wags its tail."),
        ("Its cold.", "It's cold."),
        ("Me want that.", "I want that."),
        ("I love it 😍 so mutch!", "I love it 😍 so much!"),
        ("They said Ive won.", "They said I've won."),
        ("We drove to Pariss.", "We drove to Paris."),
        ("I Have a Dog.", "I have a dog."),
        ("Anna Berg she came.", "Anna Berg came."),
        ("Going there was fun.", "Going there were fun."),
    ],
)
def test_what_keeps_them_may_change(source: str, corrected: str) -> None:
    assert keeps_its_meaning(source, corrected, strict=True)


@pytest.mark.parametrize(
    ("source", "corrected", "kept"),
    [
        ("He go home becouse the weather was awful.", "He goes home because the was awful.",
         "He goes home because the weather was awful."),
        ("he have five cats, and i like it.", "He has nine cats, and I like it.", "He have five cats, and I like it."),
        ("We stayed there.", "Mountain we stayed there!", "We stayed there!"),
        ("She go to the library today", "She goes to the elephant today.", "She goes to the library today."),
        ("Yesterday he go there.", "he goes there.", "Yesterday he goes there."),
        ("They goes there with friends.", "They go there.", "They go there with friends."),
        ("He go home.", "He goes home tired mountain.", "He goes home."),
        ("They was sad.", "It were sad.", "They were sad."),
        ("Anna Ive and me leaves Lund.", "Anna 've and I leave Lund.", "Anna Ive and I leave Lund."),
        ("Tom Will and Jo Ford still is late.", "Tom Will and Jo For still are late.",
         "Tom Will and Jo Ford still are late."),
        ("Waiting long for they.", "Wait long for them.", "Waiting long for them."),
        ("All that that is is there are new.", "All that is there is new.", "All that that is is there is new."),
        ("its so cool becouse of it", "It so cool because of it.", "its so cool because of it."),
    ],
)  # fmt: skip
def test_a_great_change_is_put_back_and_the_others_stay(source: str, corrected: str, kept: str) -> None:
    assert without_great_changes(source, corrected) == kept


@pytest.mark.parametrize(
    ("source", "corrected"),
    [
        ("She paid 300 pounds for the old car.", "She paid 30 pounds for the old car."),
        ("Green ideas sleep there and dogs bark here.", "Elephants ideas mountain there and tables yellow here."),
    ],
)
def test_a_correction_that_is_lost_is_no_correction(source: str, corrected: str) -> None:
    assert without_great_changes(source, corrected) in (None, source)
