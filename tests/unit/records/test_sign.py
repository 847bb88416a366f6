"""Ed25519 keys: RFC vectors, round trips, malformed input."""

import pytest

from dcops.core.errors import DcopsError
from dcops.records.keyring import Keyring, KnownKey, key_set, read_key_set
from dcops.records.sign import PublicKey, SigningKey, decode, encode


def test_the_example_key_of_rfc_8037_has_its_thumbprint() -> None:
    key = PublicKey(decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
    assert key.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_keys_survive_pem_and_jwk() -> None:
    key = SigningKey.generate()
    again = SigningKey.from_pem(key.to_pem())
    assert again.sign("x") == key.sign("x")
    assert PublicKey.from_pem(key.public.pem) == PublicKey.from_jwk(dict(key.public.jwk)) == key.public


def test_a_signature_holds_for_its_text_and_key_only() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    signature = key.sign("text")
    assert key.public.verifies("text", signature)
    assert not key.public.verifies("texT", signature)
    assert not other.public.verifies("text", signature)


@pytest.mark.parametrize("signature", ["", "x", "====", "A" * 86, "é", "A" * 5])
def test_a_malformed_signature_is_no_signature(signature: str) -> None:
    assert not SigningKey.generate().public.verifies("text", signature)


def test_a_private_key_is_never_printed() -> None:
    key = SigningKey.generate()
    assert repr(key) == f"SigningKey({key.key_id})"


@pytest.mark.parametrize("pem", [b"", b"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"])
def test_an_unreadable_private_key_is_not_quoted(pem: bytes) -> None:
    with pytest.raises(DcopsError) as caught:
        SigningKey.from_pem(pem, where="key.pem")
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "change", [{"x": "AAAA"}, {"crv": "X25519"}, {"kty": "EC"}, {"kid": "wrong"}, {"x": None}, {"x": "=="}]
)
def test_a_wrong_jwk_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(DcopsError):
        PublicKey.from_jwk({**SigningKey.generate().public.jwk, **change})


def test_key_sets_keep_their_journals() -> None:
    import json

    known = [KnownKey(SigningKey.generate().public, "jkt-ops1"), KnownKey(SigningKey.generate().public, "drc-ops1")]
    assert list(read_key_set(json.dumps(key_set(known)), where="keys.json")) == known
    for text in ("", "[]", "{}", '{"keys": [1]}', '{"keys": [{}]}'):
        with pytest.raises(DcopsError):
            read_key_set(text, where="keys.json")


def test_keys_given_from_outside_replace_those_beside_the_journal() -> None:
    near, far = SigningKey.generate().public, SigningKey.generate().public
    ring = Keyring()
    ring.pin([KnownKey(near, "a"), KnownKey(near, "b")])
    ring.override([KnownKey(far, "a")])
    assert ring.pinned_for("a") == {far.key_id}
    assert ring.pinned_for("b") == {near.key_id}
    assert ring.pinned_for("c") == frozenset()
    ring.learn({"kty": "broken"})
    assert ring.verifies("unknown", "t", "s") is None


def test_base64url_round_trip() -> None:
    for raw in (b"", b"\x00", b"\xff\xfe", bytes(range(64))):
        assert decode(encode(raw)) == raw
