"""Bearer tokens of the organisation's own login: who signed them, for whom, until when.

Only signatures by a private key count, and only by the algorithms the installation names: a token
that calls itself unsigned, or signed by a shared secret, is refused before its signature is read.
"""

from __future__ import annotations

import hashlib
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import jwt
import orjson

from gis.api.policy import Issuer
from gis.api.refusals import NotKnown
from gis.errors import ConfigError

KEYS_HOLD_S, ASK_AGAIN_S = 300.0, 30.0
TOKEN_HOLDS_S, MOST_TOKENS = 60.0, 2_000
FETCH_S, MOST_BYTES = 5.0, 1_000_000
LONGEST = 16_000  # letters of a token


class Tokens:
    """Reads the tokens of one issuer. Its keys are kept a while, and asked for again when a token
    names one we have not seen."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._asked_at: float | None = None
        self._read: dict[str, tuple[float, str, tuple[str, ...]]] = {}
        self._lock = Lock()

    def known(self, token: str) -> tuple[str, tuple[str, ...]] | None:
        """Subject and roles of a token read within the last minute; None = `read` it."""
        found = self._read.get(_short(token))
        return None if found is None or found[0] < time.time() else (found[1], found[2])

    def read(self, token: str) -> tuple[str, tuple[str, ...]]:
        """Subject and roles (ours) of a token. Blocks while keys are fetched. Raises NotKnown
        for any token that is not good now, ConfigError where the keys can't be had."""
        claims = self._claims(token)
        subject, roles = str(claims["sub"])[:120], self._roles(claims)
        until = min(float(claims["exp"]) + self._issuer.leeway_s, time.time() + TOKEN_HOLDS_S)
        with self._lock:
            if len(self._read) >= MOST_TOKENS:
                self._read.clear()
            self._read[_short(token)] = (until, subject, roles)
        return subject, roles

    def _claims(self, token: str) -> Mapping[str, Any]:
        issuer = self._issuer
        try:
            head = jwt.get_unverified_header(token[:LONGEST])
            if head.get("alg") not in issuer.algorithms:
                raise jwt.InvalidAlgorithmError("not an algorithm of this installation")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._key(head.get("kid")),
                algorithms=list(issuer.algorithms),
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=issuer.leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError as exc:
            raise NotKnown(zh="登录已过期，请重新登录", en="the token has expired: log in again",
                           error="invalid_token") from exc  # fmt: skip
        except (jwt.PyJWTError, ValueError) as exc:
            raise NotKnown(
                zh="令牌无效（签名、颁发者、受众或时间不符），请重新登录",
                en="the token is not good here (signature, issuer, audience or time): log in again",
                error="invalid_token",
                why=type(exc).__name__,
            ) from exc
        return claims

    def _roles(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        found: Any = claims
        for part in self._issuer.claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        words = found.split() if isinstance(found, str) else found
        if not isinstance(words, list):
            return ()
        ours = (self._issuer.roles.get(str(word)) for word in words)
        return tuple(sorted({role for role in ours if role is not None}))

    def _key(self, name: object) -> jwt.PyJWK:
        """The issuer's key of that name; the only one where the token names none."""
        with self._lock:
            now = time.monotonic()
            age = None if self._asked_at is None else now - self._asked_at
            unseen = isinstance(name, str) and name not in self._keys
            if age is None or age > KEYS_HOLD_S or (unseen and age > ASK_AGAIN_S):
                self._keys, self._asked_at = self._fetch(), now
            if isinstance(name, str) and name in self._keys:
                return self._keys[name]
            if name is None and len(self._keys) == 1:
                return next(iter(self._keys.values()))
        raise jwt.InvalidKeyError("no such key")

    def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        where = self._issuer.jwks
        try:
            if "://" in where:
                with urllib.request.urlopen(where, timeout=FETCH_S) as answer:
                    text = answer.read(MOST_BYTES)
            else:
                text = Path(where).read_bytes()
            keys = orjson.loads(text)["keys"]
        except (OSError, ValueError, KeyError, TypeError) as exc:
            if self._keys:  # the issuer is away for a moment: what we knew still holds
                return self._keys
            raise ConfigError(
                zh=f"无法取得颁发者的公钥 {where}：{exc}。请核对 config/access.yml 的 oidc.jwks",
                en=f"the issuer's keys can't be had from {where}: {exc}. Check oidc.jwks in "
                f"config/access.yml",
                jwks=where,
            ) from exc
        return dict(_signing(keys))


def _signing(keys: list[Mapping[str, Any]]) -> list[tuple[str, jwt.PyJWK]]:
    """Public keys for signatures, by name; what we can't use is none of ours."""
    found = []
    for number, key in enumerate(keys):
        if key.get("kty") == "oct" or key.get("use", "sig") != "sig":
            continue
        try:
            found.append((str(key.get("kid", number)), jwt.PyJWK(dict(key))))
        except jwt.PyJWTError:
            continue
    return found


def _short(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
