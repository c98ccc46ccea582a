"""`config/access.yml`: which role may read and change what, and the limits of all.

Without the file there are two roles, `anonymous` (public layers) and `admin` (everything).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import yaml

from gis.errors import ConfigError
from gis.layers import Layer, Registry
from gis.layers.model import Classification

FILE = "access.yml"
EVERY = "*"
CLASSES: tuple[str, ...] = get_args(Classification)
ANONYMOUS, ADMIN = "anonymous", "admin"
DIGESTS = ("sha256", "sm3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What one role adds. classes, layers, departments: what it reads, by classification, by id,
    by the owner's name; writes: layer ids, `*` = all it reads; officer: works on alerts."""

    classes: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    officer: bool = False
    admin: bool = False
    area_km2: float | None = None
    rate_per_s: float | None = None

    def reads(self, layer: Layer) -> bool:
        """Whether it opens the layer."""
        return (
            layer.classification in self.classes
            or layer.id in self.layers
            or not self.departments.isdisjoint((layer.owner.zh, layer.owner.en))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who signs bearer tokens. jwks: file, or https address, of the issuer's public keys; claim:
    where a token names its roles; roles: the issuer's word -> our role."""

    issuer: str
    audience: str
    jwks: str
    claim: str = "roles"
    algorithms: tuple[str, ...] = ("RS256",)
    leeway_s: float = 30.0
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaRule:
    """How much of a large-scale layer that is not public one caller may take, in km²: told from
    `warn_km2` on, refused above `limit_km2`. A layer is large-scale where it is as accurate as
    `accuracy_m`: half a millimetre at 1:5,000 is 2.5 m."""

    warn_km2: float = 15.0
    limit_km2: float = 25.0
    accuracy_m: float = 2.5

    def covers(self, layer: Layer) -> bool:
        """Whether what is taken of the layer counts."""
        return layer.classification != "public" and layer.accuracy_m <= self.accuracy_m


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRule:
    """Requests of one caller or address: `per_s` in the long run, `burst` at once; 0 = no limit."""

    per_s: float = 100.0
    burst: float = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole file."""

    roles: Mapping[str, Role]
    issuer: Issuer | None = None
    area: AreaRule = AreaRule()
    rate: RateRule = RateRule()
    digest: str = "sha256"

    def role(self, name: str) -> Role:
        """A role by name. Raises ConfigError that lists those there are."""
        if name in self.roles:
            return self.roles[name]
        known = ", ".join(self.roles)
        raise ConfigError(
            zh=f"没有角色 {name}；现有：{known}。请在 config/{FILE} 的 roles 中定义",
            en=f"there is no role {name}; there are: {known}. Define it in config/{FILE}, roles",
            role=name,
        )


BUILT_IN = {
    ANONYMOUS: Role(classes=frozenset({"public"})),
    ADMIN: Role(classes=frozenset(CLASSES), writes=frozenset({EVERY}), officer=True, admin=True),
}


def load_policy(config: Path, registry: Registry) -> Policy:
    """The policy of the folder `config`. Raises ConfigError naming the key that is wrong."""
    path = config / FILE
    if not path.is_file():
        return Policy(roles=BUILT_IN)
    try:
        document = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(
            zh=f"{path} 无法读取：{exc}。请改正该文件",
            en=f"{path} can't be read: {exc}. Correct the file",
            path=str(path),
        ) from exc
    given = _mapping("", document, ("roles", "oidc", "area", "rate", "audit"))
    roles = {
        str(name): _role(f"roles.{name}", role, registry)
        for name, role in _mapping("roles", given.get("roles") or {}).items()
    }
    policy = Policy(
        roles=BUILT_IN | roles,
        issuer=_issuer(given["oidc"], config) if given.get("oidc") else None,
        area=AreaRule(**_numbers("area", given.get("area") or {}, AreaRule)),
        rate=RateRule(**_numbers("rate", given.get("rate") or {}, RateRule)),
        digest=_digest(given.get("audit") or {}),
    )
    for name in () if policy.issuer is None else policy.issuer.roles.values():
        policy.role(name)
    return policy


def _role(at: str, document: object, registry: Registry) -> Role:
    names = ("read", "layers", "departments", "write", "officer", "admin", "area_km2", "rate_per_s")
    given = _mapping(at, document, names)
    if given.get("admin") is True:
        return BUILT_IN[ADMIN]
    writes = _known(f"{at}.write", given.get("write"), (*registry.layers, EVERY))
    return Role(
        classes=_known(f"{at}.read", given.get("read"), CLASSES),
        layers=_known(f"{at}.layers", given.get("layers"), registry.layers),
        departments=frozenset(map(str, _sequence(f"{at}.departments", given.get("departments")))),
        writes=writes,
        officer=given.get("officer") is True,
        area_km2=_number(f"{at}.area_km2", given.get("area_km2")),
        rate_per_s=_number(f"{at}.rate_per_s", given.get("rate_per_s")),
    )


def _issuer(document: object, config: Path) -> Issuer:
    names = tuple(f.name for f in fields(Issuer))
    given = dict(_mapping("oidc", document, names))
    for name in ("issuer", "audience", "jwks"):
        if not isinstance(given.get(name), str):
            raise _wrong(f"oidc.{name}", "缺少", "is missing")
    jwks = given["jwks"]
    if "://" not in jwks:
        given["jwks"] = str(config / jwks)
    elif not jwks.startswith(("https://", "http://127.0.0.1", "http://[::1]", "http://localhost")):
        raise _wrong("oidc.jwks", "应为 https 地址或文件", "is a file or an https address")
    given["algorithms"] = tuple(
        sorted(_known("oidc.algorithms", given.get("algorithms", ["RS256"]), SIGNING))
    )
    if not given["algorithms"]:
        raise _wrong("oidc.algorithms", "不能为空", "can't be empty")
    given["leeway_s"] = _number("oidc.leeway_s", given.get("leeway_s", 30)) or 0.0
    roles = _mapping("oidc.roles", given.get("roles") or {})
    given["roles"] = {str(theirs): str(ours) for theirs, ours in roles.items()}
    return Issuer(**given)


# Signatures by a private key alone: with a shared secret (HS…) whoever may check a token may
# also make one, and the issuer's public key would be taken for that secret.
SIGNING = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)


def _digest(document: object) -> str:
    name = _mapping("audit", document, ("digest",)).get("digest", DIGESTS[0])
    if name not in DIGESTS:
        raise _wrong("audit.digest", f"应为 {' 或 '.join(DIGESTS)}", f"is {' or '.join(DIGESTS)}")
    return str(name)


def _numbers(at: str, document: object, rule: type) -> dict[str, float]:
    names = tuple(f.name for f in fields(rule))
    found = {
        name: _number(f"{at}.{name}", value)
        for name, value in _mapping(at, document, names).items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _number(at: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise _wrong(at, "应为不小于 0 的数", "is a number of 0 or more")
    return float(value)


def _known(at: str, value: object, known: Iterable[str]) -> frozenset[str]:
    names = tuple(known)
    found = frozenset(map(str, _sequence(at, value)))
    for name in sorted(found):
        if name not in names:
            choice = ", ".join(names)
            raise _wrong(at, f"{name} 应为：{choice}", f"{name} should be one of: {choice}")
    return found


def _sequence(at: str, value: object) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(at, "应为列表", "is a list")
    return value


def _mapping(at: str, value: object, names: tuple[str, ...] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(at, "应为一组键值", "is a mapping of keys")
    for name in value:
        if names is not None and name not in names:
            known = ", ".join(names)
            raise _wrong(
                f"{at}.{name}".lstrip("."), f"未知的键；可用：{known}", f"not one of {known}"
            )
    return value


def _wrong(at: str, zh: str, en: str) -> ConfigError:
    return ConfigError(
        zh=f"config/{FILE} 的 {at}：{zh}。请改正",
        en=f"config/{FILE}, {at}: {en}. Correct it",
        file=FILE,
        key=at,
    )
