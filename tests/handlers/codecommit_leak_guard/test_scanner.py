"""What the scanner says of a file: each credential once, where it is, and never the secret itself."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.handlers.codecommit_leak_guard.corpus.corpus import FORMS
from tests.handlers.codecommit_leak_guard.corpus.material import (
    LONG_TERM,
    TEMPORARY,
    alphanumeric,
    base64_of_noise,
    generator,
    key_id,
    secret,
    token,
)
from tests.handlers.codecommit_leak_guard.corpus.negatives import (
    MADE_UP_IDS,
    NAMES_OF_THINGS,
    PLACEHOLDERS,
    SECRETS_OF_OTHERS,
)
from tests.handlers.codecommit_leak_guard.scanning import SCANNER

RANDOM = generator(7)
ID, SECRET, TOKEN = key_id(RANDOM), secret(RANDOM), token(RANDOM)
same_everywhere = settings(derandomize=True, database=None, deadline=None, max_examples=150)


def found(text: str) -> list[tuple[str, int, str | None, str | None, str, int]]:
    leaks = SCANNER.scan(text.encode())
    return [(leak.kind, leak.line, leak.key_id, leak.secret, leak.encoding, leak.count) for leak in leaks]


def test_a_key_comes_with_the_secret_beside_it() -> None:
    text = f"# prod\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n"
    assert found(text) == [("access_key", 2, ID, SECRET, "", 1)]


def test_a_key_comes_without_a_secret_if_none_is_there() -> None:
    assert found(f"{ID}\n") == [("access_key", 1, ID, None, "", 1)]


def test_temporary_credentials_are_of_their_own_kind() -> None:
    temporary = key_id(RANDOM, TEMPORARY)
    text = f"aws_access_key_id={temporary}\naws_secret_access_key={SECRET}\naws_session_token={TOKEN}\n"
    assert found(text) == [
        ("temporary_key", 1, temporary, SECRET, "", 1),
        ("session_token", 3, None, TOKEN.rstrip("="), "", 1),
    ]


def test_a_secret_alone_is_found_where_it_is_named() -> None:
    assert found(f"\n\nexport AWS_SECRET_ACCESS_KEY={SECRET}\n") == [("secret_key", 3, None, SECRET, "", 1)]


def test_forty_characters_that_nothing_speaks_for_are_left_alone() -> None:
    assert found(f"value = {SECRET}\n") == []


def test_a_credential_that_is_in_a_file_twice_is_told_once_and_counted() -> None:
    assert found(f"a\n{ID}\nb\n{ID} {ID}\n") == [("access_key", 2, ID, None, "", 3)]


def test_the_secret_of_a_key_is_no_leak_of_its_own_elsewhere_in_the_file() -> None:
    text = f"id={ID}\nsecret={SECRET}\n" + "x\n" * 2000 + f"aws_secret_access_key={SECRET}\n"
    assert [leak[0] for leak in found(text)] == ["access_key"]


def test_two_keys_have_each_their_own_secret() -> None:
    ids, secrets = [key_id(RANDOM) for _ in range(2)], [secret(RANDOM) for _ in range(2)]
    profile = "[{}]\naws_access_key_id={}\naws_secret_access_key={}\n"
    text = "".join(profile.format(*each) for each in zip("ab", ids, secrets, strict=True))
    assert [leak[2:4] for leak in found(text)] == list(zip(ids, secrets, strict=True))


def test_two_keys_behind_their_secrets_have_each_their_own() -> None:
    ids, secrets = [key_id(RANDOM) for _ in range(2)], [secret(RANDOM) for _ in range(2)]
    text = "".join(
        f"aws_secret_access_key={each[1]}\naws_access_key_id={each[0]}\n\n" for each in zip(ids, secrets, strict=True)
    )
    assert [leak[2:4] for leak in found(text)] == list(zip(ids, secrets, strict=True))


@pytest.mark.parametrize(
    ("form", "encoding"),
    [
        ("plain", ""),
        ("utf-16", "utf-16"),
        ("utf-16 without mark", "utf-16"),
        ("base64", "base64"),
        ("base64 wrapped at 76", "base64"),
        ("base64 thrice", "base64"),
        ("url", ""),
    ],
)
def test_the_encoding_is_told(form: str, encoding: str) -> None:
    (leak,) = SCANNER.scan(FORMS[form](f"aws_access_key_id={ID} in the file of the old account\n"))
    assert (leak.key_id, leak.encoding) == (ID, encoding)


def test_a_secret_in_a_url_is_told_as_such() -> None:
    value = "aB3/" + SECRET[4:]
    (leak,) = SCANNER.scan(f"?aws_secret_access_key={value.replace('/', '%2F').replace('+', '%2B')}&x".encode())
    assert (leak.secret, leak.encoding) == (value, "url")


def test_the_line_of_base64_is_where_it_begins() -> None:
    text = base64.encodebytes(b"x" * 300 + f"\n{ID}\n".encode()).decode()
    assert found(f"a\nb\n{text}") == [("access_key", 3, ID, None, "base64", 1)]


def test_a_secret_that_follows_base64_of_text_is_not_taken_for_its_next_line() -> None:
    other = base64.b64encode(b"this is the name of a thing and no more of it").decode()
    assert [leak[3] for leak in found(f'aws_secrets = ["{other}", "{SECRET}"]\n')] == [SECRET]


def test_base64_is_undone_four_times_and_no_more() -> None:
    text = f"{ID} is the id of the key\n".encode()
    for _ in range(4):
        text = base64.b64encode(text)
    assert [leak.key_id for leak in SCANNER.scan(text)] == [ID]
    assert SCANNER.scan(base64.b64encode(text)) == []


@pytest.mark.parametrize("tail", MADE_UP_IDS)
def test_ids_of_examples_and_placeholders_are_left_alone(tail: str) -> None:
    assert found(f"aws_access_key_id = {LONG_TERM}{tail}\n") == []


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_placeholders_of_secrets_are_left_alone(value: str) -> None:
    assert found(f"aws_secret_access_key = {value}\n") == []


@pytest.mark.parametrize("template", SECRETS_OF_OTHERS)
def test_secrets_of_others_are_left_alone(template: str) -> None:
    for _ in range(10):
        assert found(template.replace("@", alphanumeric(RANDOM, 40))) == []


@pytest.mark.parametrize("tail", NAMES_OF_THINGS)
def test_words_are_no_ids(tail: str) -> None:
    assert found(f"const {TEMPORARY}{tail} = 1;\n") == []


def test_no_id_of_a_long_term_key_is_taken_for_words() -> None:
    tail = NAMES_OF_THINGS[0]
    assert [leak[2] for leak in found(f"{LONG_TERM}{tail}\n")] == [LONG_TERM + tail]


@pytest.mark.parametrize("name", ["client_secret", "SPOTIFY_SECRET", "webhook_secret"])
def test_a_name_of_others_does_not_hide_a_secret_directly_beside_an_id(name: str) -> None:
    assert [leak[2:4] for leak in found(f"id={ID}\n{name}={SECRET}\n")] == [(ID, SECRET)]


def test_a_name_of_others_further_away_does() -> None:
    assert [leak[2:4] for leak in found(f"id={ID}\n{'x ' * 60}\nSPOTIFY_SECRET={SECRET}\n")] == [(ID, None)]


def test_the_secret_that_is_named_is_the_keys_and_not_one_of_others() -> None:
    other = secret(RANDOM)
    text = f"SPOTIFY_SECRET={other}\nAWS_ACCESS_KEY_ID={ID}\nAWS_SECRET_ACCESS_KEY={SECRET}\nFB_SECRET={other}\n"
    assert [leak[2:4] for leak in found(text)] == [(ID, SECRET)]


def test_a_secret_key_that_says_no_more_is_taken_for_one_of_aws_by_its_signs() -> None:
    text = 'AWS_STORAGE_BUCKET_NAME = "x"\nSECRET_KEY = "{}"\n'
    value = "aB3" + alphanumeric(RANDOM, 37)
    assert found(text.format(value)) == []
    assert [leak[3] for leak in found(text.format(f"{value[:20]}/{value[21:]}"))] == [f"{value[:20]}/{value[21:]}"]


@pytest.mark.parametrize("between", ['" + "', '"+"', '"\n    "', '" +\r\n"', "' \\\n + '", '"\n    + "'])
def test_literals_side_by_side_are_read_together(between: str) -> None:
    quote = between[0]
    split = f"\n\nsecret_of_aws = {quote}{SECRET[:11]}{between}{SECRET[11:25]}{between}{SECRET[25:]}{quote}\n"
    assert [leak[:4] for leak in found(split)] == [("secret_key", 3, None, SECRET)]
    assert [leak[2] for leak in found(f"{quote}{ID[:3]}{between}{ID[3:]}{quote}")] == [ID]


@pytest.mark.parametrize("between", ['", "', '": "', "' + \"", '" x "'])
def test_literals_that_are_apart_are_not_read_together(between: str) -> None:
    assert found(f'aws_secret = "{SECRET[:20]}{between}{SECRET[20:]}"\n') == []


@pytest.mark.parametrize(
    "beside",
    [
        "# pragma: allowlist secret",
        "// gitleaks:allow",
        "# nosec",
        "this is an EXAMPLE",
        "# test fixture, not real",
        "# noqa",
    ],
)
def test_nothing_that_is_written_beside_a_key_hides_it(beside: str) -> None:
    text = f"{beside}\nid = '{ID}' {beside}\nsecret = '{SECRET}' {beside}\n{beside}\n"
    assert [leak[2:4] for leak in found(text)] == [(ID, SECRET)]


@pytest.mark.parametrize(
    "before",
    ["", "_", "x", "\\n", "\\t", '\\"', "=", "%3D", "\\u003D", "\\x3D", "\\0", "\\075", "=3D", "é", "密", "/", "-"],
)
@pytest.mark.parametrize("after", ["", "_", "x", "\\n", '\\"', "%2F", "&", "é", "/", "-"])
def test_an_id_ends_where_no_more_capitals_and_digits_are(before: str, after: str) -> None:
    assert [leak[2] for leak in found(f"{before}{ID}{after}")] == [ID]


@pytest.mark.parametrize(("before", "after"), [("X", ""), ("7", ""), ("", "X"), ("", "0")])
def test_what_goes_on_is_no_id(before: str, after: str) -> None:
    assert found(f"{before}{ID}{after}") == []


def test_an_id_within_an_image_is_chance() -> None:
    image = base64_of_noise(RANDOM, 300)
    assert found(f"data:image/png;base64,{image}a{ID}b{image}") == []


@pytest.mark.parametrize(
    ("data", "binary"),
    [
        (b"", False),
        (b"text", False),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0", True),
        (b"\x7fELF\2\1\1\0\0\0\0\0", True),
        (b"x" * 8191 + b"\0", True),
        (b"x" * 8192 + b"\0", False),
        ("key = value\n".encode("utf-16"), False),
        ("key = value\n".encode("utf-16-be"), False),
        (b"\0" + b"text", True),
        (b"name\0value\0other\0", True),
    ],
)
def test_binaries_have_a_nul_early_and_are_no_text_of_two_bytes_a_letter(data: bytes, binary: bool) -> None:
    assert SCANNER.is_binary(data) is binary


def test_binaries_are_not_looked_through() -> None:
    assert SCANNER.scan(b"\x7fELF\0\0\0\0" + ID.encode()) == []


def test_fingerprints_are_of_the_id_or_else_of_the_secret() -> None:
    key, alone = SCANNER.Leak("access_key", 1, ID, SECRET), SCANNER.Leak("secret_key", 1, secret=SECRET)
    assert key.fingerprint == hashlib.sha256(ID.encode()).hexdigest()
    assert alone.fingerprint == hashlib.sha256(SECRET.encode()).hexdigest()


def test_a_leak_is_told_without_the_secret_and_without_the_id() -> None:
    leak = SCANNER.Leak("access_key", 3, ID, SECRET, "base64", 2)
    expected = f"Leak(access_key, line 3, key id ...{ID[-4:]}, with secret, base64, 2x)"
    assert [repr(leak), str(leak), f"{leak}"] == [expected] * 3


@same_everywhere
@given(st.binary(max_size=400) | st.text(max_size=300).map(str.encode))
def test_no_bytes_whatever_raise(data: bytes) -> None:
    for form in (data, base64.b64encode(data), b"\xff\xfe" + data, data.replace(b"\0", b"\\u00")):
        SCANNER.scan(form)
        SCANNER.is_binary(form)


@same_everywhere
@given(
    st.text(max_size=120),
    st.text(max_size=120),
    st.integers(0, 2**32),
    st.sampled_from(["\n", '"', " ", "=", "_", "'", "x", ":"]),
)
def test_an_id_is_found_wherever_it_stands(before: str, after: str, seed: int, edge: str) -> None:
    value = key_id(generator(seed))
    text = f"{before}{edge}{value}{edge}{after}".replace("\0", "")
    assert value in {leak.key_id for leak in SCANNER.scan(text.encode("utf-8", "replace"))}


@same_everywhere
@given(st.integers(0, 2**32), st.sampled_from(sorted(FORMS)))
def test_what_is_told_of_a_leak_never_has_the_secret(seed: int, form: str) -> None:
    random = generator(seed)
    values = key_id(random), secret(random), token(random)
    leaks = SCANNER.scan(
        FORMS[form]("aws_access_key_id={}\naws_secret_access_key={}\naws_session_token={}\n".format(*values))
    )
    assert leaks
    assert not [value for value in values if value.rstrip("=") in f"{leaks!r} {leaks}"]
