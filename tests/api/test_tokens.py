"""Bearer tokens of an issuer: only what it signed, for us, now, with an algorithm we named."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml
from callers import client_from
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from small_city import fill

from gis.api.app import create_app
from gis.api.policy import Issuer
from gis.api.refusals import NotKnown
from gis.api.tokens import Tokens
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

ISSUER, AUDIENCE = "https://login.example/realms/city", "onemap"
PIPES = "/collections/pipe_segments/items"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def jwk(key: Any, name: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if key is not CURVE else jwt.algorithms.ECAlgorithm
    return json.loads(algorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig"}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "exp": now + 300, "iat": now,
             "realm_access": {"roles": ["gis-reader", "other"]}}  # fmt: skip
    return {name: value for name, value in (given | changes).items() if value is not None}


def token(key: Any = KEY, name: str | None = "k1", algorithm: str = "RS256", **changes: Any) -> str:
    headers = {} if name is None else {"kid": name}
    return jwt.encode(claims(**changes), key, algorithm, headers=headers)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    shared = {"kty": "oct", "kid": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}
    path.write_text(json.dumps({"keys": [jwk(KEY, "k1"), jwk(CURVE, "c1"), shared]}))
    return path


@pytest.fixture
def read(keys: Path) -> Callable[[str], tuple[str, tuple[str, ...]]]:
    issuer = Issuer(
        issuer=ISSUER, audience=AUDIENCE, jwks=str(keys), claim="realm_access.roles",
        leeway_s=10, roles={"gis-reader": "reader"},
    )  # fmt: skip
    return Tokens(issuer).read


Read = Callable[[str], tuple[str, tuple[str, ...]]]


def test_a_good_token(read: Read) -> None:
    assert read(token()) == ("u1", ("reader",))
    assert read(token(aud=["other", AUDIENCE])) == ("u1", ("reader",))
    assert read(token(exp=int(time.time()) - 5)) == ("u1", ("reader",)), "clocks differ a little"
    assert read(token(realm_access=None)) == ("u1", ())
    assert read(token(realm_access={"roles": "gis-reader x"})) == ("u1", ("reader",))


def unsigned(algorithm: str, secret: bytes | None = None) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    text = f"{part({'alg': algorithm, 'kid': 'k1'})}.{part(claims())}"
    if secret is None:
        return f"{text}."
    signed = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signed).rstrip(b'=').decode()}"


PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.mark.parametrize("bad", [
    pytest.param(lambda: token(exp=int(time.time()) - 60), id="expired"),
    pytest.param(lambda: token(nbf=int(time.time()) + 600), id="not yet"),
    pytest.param(lambda: token(aud="other"), id="for another"),
    pytest.param(lambda: token(iss="https://evil.example"), id="of another"),
    pytest.param(lambda: token(OTHER), id="signed by another"),
    pytest.param(lambda: token(name="nope"), id="unknown key"),
    pytest.param(lambda: token(CURVE, "c1", "ES256"), id="algorithm not named"),
    pytest.param(lambda: token(KEY, "k1", "RS512"), id="algorithm of the family not named"),
    pytest.param(lambda: unsigned("none"), id="unsigned"),
    pytest.param(lambda: unsigned("None"), id="unsigned, capital"),
    pytest.param(lambda: unsigned("HS256", PEM), id="public key as secret"),
    pytest.param(lambda: unsigned("RS256", PEM), id="secret signature called RS256"),
    pytest.param(lambda: token(exp=None), id="for ever"),
    pytest.param(lambda: token(sub=None), id="of nobody"),
    pytest.param(lambda: token()[:-4] + "AAAA", id="signature changed"),
    pytest.param(lambda: "a.b.c", id="no token"),
    pytest.param(lambda: "é.ü.ß", id="no letters"),
    pytest.param(lambda: "..", id="dots"),
])  # fmt: skip
def test_a_bad_token(read: Read, bad: Callable[[], str]) -> None:
    with pytest.raises(NotKnown) as caught:
        read(bad())
    assert caught.value.http_status == 401


def test_new_keys_are_asked_for(keys: Path) -> None:
    issuer = Issuer(issuer=ISSUER, audience=AUDIENCE, jwks=str(keys))
    tokens = Tokens(issuer)
    tokens.read(token())
    keys.write_text(json.dumps({"keys": [jwk(KEY, "k1"), jwk(OTHER, "k2")]}))
    with pytest.raises(NotKnown):
        tokens.read(token(OTHER, "k2"))  # asked a moment ago: an unknown name asks no storm
    assert tokens._asked_at is not None
    tokens._asked_at -= 60
    assert tokens.read(token(OTHER, "k2"))[0] == "u1"
    keys.unlink()  # the issuer is away
    tokens._asked_at -= 600
    assert tokens.read(token(OTHER, "k2", sub="u2"))[0] == "u2"


@pytest.fixture
def app(server: Any, registry: Registry, keys: Path, tmp_path: Path) -> Iterator[Any]:
    policy = {
        "roles": {"reader": {"read": ["internal"]}},
        "oidc": {
            "issuer": ISSUER, "audience": AUDIENCE, "jwks": keys.name,
            "claim": "realm_access.roles", "roles": {"gis-reader": "reader"},
        },
    }  # fmt: skip
    (tmp_path / "access.yml").write_text(yaml.safe_dump(policy), "utf-8")
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        yield create_app(store, registry, Settings(web=Path("none"), config=tmp_path))


def test_at_the_gate(app: Any) -> None:
    assert client_from(app).get(PIPES).status_code == 404  # an issuer is there: nobody is local
    good = client_from(app, "203.0.113.7", authorization=f"Bearer {token()}")
    assert [good.get(PIPES).status_code for _ in range(2)] == [200, 200]
    bare = client_from(app, authorization=f"bearer {token(realm_access=None)}")
    assert (bare.get(PIPES).status_code, bare.get("/collections").status_code) == (404, 200)
    bad = client_from(app, authorization=f"Bearer {unsigned('none')}").get("/collections")
    assert bad.status_code == 401
    assert 'error="invalid_token"' in bad.headers["WWW-Authenticate"]


def test_a_kept_token_ends_with_its_time(keys: Path) -> None:
    tokens = Tokens(Issuer(issuer=ISSUER, audience=AUDIENCE, jwks=str(keys), leeway_s=0))
    short = token(exp=int(time.time()) + 2)
    tokens.read(short)
    assert tokens.known(short) is not None
    time.sleep(2.1)
    assert tokens.known(short) is None
