"""The linter finds what it is there to find."""

import pytest

from tests.support.html_lint import fragment_faults, page_faults

PAGE = '<!doctype html><html lang="fr"><head><title>T</title></head><body><main><h1>H</h1>{}</main></body></html>'


def test_a_good_page_has_no_fault() -> None:
    assert page_faults(PAGE.format('<label for="a">A</label><input id="a"><label>B <input name="b"></label>')) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<p><div></div></p>", "unexpected-end-tag"),
        ("<main></main>", "2 <main>"),
        ("<h1>Encore</h1>", "2 <h1>"),
        ('<input name="a">', "no label"),
        ('<label for="a"></label><input id="a">', "no label"),
        ('<select name="a"><option>1</option></select>', "no label"),
        ('<p style="color: red">x</p>', "style"),
        ("<style>p {}</style>", "inline"),
        ("<script>1</script>", "inline"),
        ('<button onclick="f()">x</button>', "onclick"),
        ('<button hx-on:click="f()">x</button>', "hx-on:click"),
        ('<a href="javascript:f()">x</a>', "javascript"),
        ('<p id="a">x</p><p id="a">y</p>', "'a' stands 2 times"),
        ('<p aria-describedby="gone">x</p>', "'gone'"),
        ('<button type="submit"></button>', "says nothing"),
        ('<img src="x">', "no alt"),
        ('<img src="https://compteur.example/1" alt="">', "calls somebody else"),
        ('<script src="//cdn.example/x.js"></script>', "calls somebody else"),
        ('<link rel="stylesheet" href="https://cdn.example/x.css">', "calls somebody else"),
        ('<form action="https://evil.example/"></form>', "calls somebody else"),
    ],
)
def test_a_fault_on_a_page_is_found(content: str, fault: str) -> None:
    assert any(fault in found for found in page_faults(PAGE.format(content)))


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (PAGE.format("").replace(' lang="fr"', ""), "no lang"),
        (PAGE.format("").replace("<title>T</title>", ""), "no title"),
        (PAGE.format("").removeprefix("<!doctype html>"), "doctype"),
    ],
)
def test_a_fault_around_a_page_is_found(page: str, fault: str) -> None:
    assert any(fault in found for found in page_faults(page))


def test_a_fragment_has_one_root_with_an_id_and_what_is_out_of_band() -> None:
    assert fragment_faults('<section id="a"><p>x</p></section><div id="flash" hx-swap-oob="innerHTML"></div>') == []
    assert fragment_faults('<tr id="a"><td>x</td></tr>') == []


@pytest.mark.parametrize(
    ("fragment", "fault"),
    [
        ("<section><p>x</p></section>", "no id"),
        ('<p id="a">x</p><p id="b">y</p>', "2 roots"),
        ('loose <p id="a">x</p>', "outside"),
        ("<!doctype html><html><body><main><h1>x</h1></main></body></html>", "unexpected-doctype"),
    ],
)
def test_a_fault_of_a_fragment_is_found(fragment: str, fault: str) -> None:
    assert any(fault in found for found in fragment_faults(fragment))
