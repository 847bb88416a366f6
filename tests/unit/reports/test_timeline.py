"""The picture: lengths in proportion, states told apart without colour, labels that do not meet, nothing unescaped."""

import re
import xml.etree.ElementTree as ET

from dcops.reports.timeline import STATES, Bar, Mark, Span, Timeline, draw

SVG = "{http://www.w3.org/2000/svg}"


def line(bars: list[Bar], marks: list[Mark] | None = None, spans: list[Span] | None = None) -> Timeline:
    return Timeline(
        title="a < b", bars=bars, marks=marks or [], spans=spans or [], duration=lambda s: f"{s:.1f} s",
        tick=lambda s: f"{s:.0f}", legend=dict.fromkeys(STATES, "word"), axis="since",
    )  # fmt: skip


def bars_of(picture: str) -> list[ET.Element]:
    return [each for each in ET.fromstring(picture).iter(f"{SVG}rect") if each.get("class") in STATES]


def test_bars_are_as_long_as_the_steps_took_and_start_when_they_did() -> None:
    first, second = bars_of(draw(line([Bar("g", "a", 0, 10, "ok"), Bar("g", "b", 10, 40, "ok")])))
    width, other = (float(each.attrib["width"]) for each in (first, second))
    assert abs(other / width - 4) < 0.01
    assert abs(float(second.attrib["x"]) - float(first.attrib["x"]) - width) < 0.2


def test_each_state_has_a_look_and_a_sign_of_its_own() -> None:
    picture = draw(line([Bar("g", state, number, 1, state) for number, state in enumerate(STATES)]))
    looks = {(each.attrib["fill"], each.get("stroke-dasharray")) for each in bars_of(picture)}
    assert len(looks) == len(STATES)
    assert len({sign for _, _, sign in STATES.values()}) == len(STATES)
    assert all(sign in picture for _, _, sign in STATES.values())
    for name in re.findall(r"url\(#(\w+)\)", picture):
        assert f'id="{name}"' in picture


def test_labels_of_marks_do_not_meet() -> None:
    marks = [Mark(f"t_mark_{number}", 10 + number / 10) for number in range(6)] + [Mark("t_last", 100)]
    picture = ET.fromstring(draw(line([Bar("g", "a", 0, 100, "ok")], marks)))
    places = [
        (float(each.attrib["y"]), float(each.attrib["x"]), len(each.text or "") * 5.6)
        for each in picture.iter(f"{SVG}text") if (each.text or "").startswith("t_")
    ]  # fmt: skip
    assert len(places) == 7
    for number, (y, x, width) in enumerate(places):
        assert x + width <= 760
        for other_y, other_x, other_width in places[number + 1 :]:
            assert y != other_y or x + width <= other_x or other_x + other_width <= x


def test_a_stretch_that_began_before_the_picture_has_an_arrow_and_its_own_figure() -> None:
    picture = draw(line([Bar("g", "a", -5, 30, "ok")], spans=[Span("RPO 400 s", -400, 0), Span("RTO 20 s", 0, 20)]))
    paths = [each.attrib["d"] for each in ET.fromstring(picture).iter(f"{SVG}path") if "v8" in each.attrib["d"]]
    assert ["L" in path for path in paths] == [True, False]
    assert "RPO 400 s" in picture


def test_nothing_is_unescaped_and_nothing_to_show_is_no_picture() -> None:
    picture = draw(line([Bar("<g>", '"b" & c', 0, 1, '"><script>')], [Mark("<m>", 0)], [Span("<s>", 0, 1)]))
    assert ET.fromstring(picture)[0].text == "a < b"
    assert "<g>" not in picture
    assert "<m>" not in picture
    assert "<script" not in picture
    assert draw(line([])) == ""
    assert draw(line([Bar("g", "a", 0, 0, "ok")])) != ""
