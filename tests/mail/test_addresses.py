import pytest

from mail import addresses


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Claire@Example.org", "claire@example.org"),
        ("  claire@example.org ", "claire@example.org"),
        ("customer12345@example.com", "customer12345@example.com"),
        ("elodie@exämple.fr", "elodie@xn--exmple-cua.fr"),
        ("ELODIE@EXÄMPLE.FR", "elodie@xn--exmple-cua.fr"),
        ("elodie@XN--EXMPLE-CUA.fr", "elodie@xn--exmple-cua.fr"),
        ("Élodie@example.org", "élodie@example.org"),
        ("E\u0301lodie@example.org", "élodie@example.org"),
        ("ｃｌａｉｒｅ@ｅxample.org", "claire@example.org"),
        ("mi\u212ae@example.org", "mike@example.org"),
        ("a@例え.jp", "a@xn--r8jz45g.jp"),
        ("a@boutique.test", "a@boutique.test"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(typed: str, key: str) -> None:
    assert addresses.email_key(typed) == key
    assert addresses.email_key(addresses.clean(typed)) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("strasse@example.org", "straße@example.org"),
        ("x@fass.de", "x@faß.de"),
        ("claire.martin@gmail.com", "clairemartin@gmail.com"),
        ("claire+shop@example.org", "claire@example.org"),
    ],
)
def test_different_mailboxes_are_never_joined(one: str, other: str) -> None:
    assert addresses.email_key(one) != addresses.email_key(other)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "claire",
        "claire@",
        "@example.org",
        "claire@localhost",
        "a b@example.org",
        "a@example.org.",
        "a@exa mple.org",
        "a\r\nBcc: b@example.org@example.org",
        "a@example.org\r\nBcc: x",
        "a\x00b@example.org",
        "a\u202eb@example.org",
        "Claire <claire@example.org>",
        "a@b.org, c@d.org",
        "a@[127.0.0.1]",
        "x" * 250 + "@example.org",
    ],
)
def test_malformed_addresses_are_refused(address: str) -> None:
    assert not addresses.valid(address)
    with pytest.raises(ValueError, match="address"):
        addresses.email_key(address)


def test_mail_goes_to_the_cleaned_address_not_to_the_typed_one() -> None:
    assert addresses.clean("mi\u212ae@EXAMPLE.org") == "miKe@example.org"


def test_the_envelope_has_an_ascii_domain() -> None:
    assert addresses.envelope_form("Elodie@exämple.fr") == "Elodie@xn--exmple-cua.fr"
    assert addresses.envelope_form("Élodie@exämple.fr") == "Élodie@xn--exmple-cua.fr"
