"""Who one is at the gate: the machine's own seat, keys, and what the answers say to caches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from callers import access_of, client_from, see_keys
from small_city import fill

from gis.api.access import Caller, may_read, may_write, visible
from gis.api.app import create_app
from gis.api.limits import Buckets
from gis.api.policy import load_policy
from gis.errors import ConfigError
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store
from gis.store.access import add_key, list_area, revoke_key
from gis.store.audit import list_entries, verify

PIPES, HOUSES = "/collections/pipe_segments/items", "/collections/buildings/items"
FAR = "203.0.113.7"


@pytest.fixture
def filled(server: Any, registry: Registry) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        yield store


def app_of(store: Store, registry: Registry, folder: Path, policy: Any = None, **set_: Any) -> Any:
    (folder / "access.yml").write_text(yaml.safe_dump(policy or {}), "utf-8")
    return create_app(store, registry, Settings(web=Path("none"), config=folder, **set_))


READER = {"roles": {"reader": {"read": ["internal"]}}}


def test_the_seat_at_the_machine(filled: Store, registry: Registry, tmp_path: Path) -> None:
    """Open to a person there; not to another site's page in their browser, nor by a proxy."""
    app = app_of(filled, registry, tmp_path)
    assert client_from(app).get(PIPES).status_code == 200
    assert client_from(app, origin="http://localhost:5173").get(PIPES).status_code == 200
    for others in (
        client_from(app, FAR),
        client_from(app, origin="https://other.example"),
        client_from(app, origin="null"),
        client_from(app, sec_fetch_site="cross-site"),
        client_from(app, host="other.example"),
        client_from(app, x_forwarded_for="127.0.0.1"),
        client_from(app, forwarded="for=127.0.0.1"),
    ):
        assert others.get(PIPES).status_code == 404
        assert others.get(HOUSES).status_code == 200
    for changed in ({"public_url": "https://map.example"}, {"host": "0.0.0.0"}):
        behind = app_of(filled, registry, tmp_path, **changed)
        assert client_from(behind).get(PIPES).status_code == 404


def test_a_key_opens_until_it_is_revoked(filled: Store, registry: Registry, tmp_path: Path) -> None:
    app = app_of(filled, registry, tmp_path, READER)
    assert client_from(app).get(PIPES).status_code == 200
    secret = add_key(filled, "院", ["reader"], "test")
    see_keys(app)
    assert client_from(app).get(PIPES).status_code == 404  # nobody is local any more
    for named in ({"x_api_key": secret}, {"authorization": f"Bearer {secret}"}):
        assert client_from(app, FAR, **named).get(PIPES).status_code == 200
    assert client_from(app, FAR).get(PIPES, params={"key": secret}).status_code == 404
    revoke_key(filled, "院", "test")
    see_keys(app)
    refused = client_from(app, FAR, x_api_key=secret).get(HOUSES)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    assert refused.json()["code"] == "NoApplicableCode"


@pytest.mark.parametrize("headers", [
    {"x_api_key": ""}, {"x_api_key": "gis_x"}, {"authorization": "Basic YTpi"},
    {"authorization": "Bearer"}, {"authorization": "Bearer a.b.c"}, {"authorization": "Bearer %00"},
])  # fmt: skip
def test_what_is_no_key_is_nobody(
    filled: Store, registry: Registry, tmp_path: Path, headers: dict[str, str]
) -> None:
    app = app_of(filled, registry, tmp_path)
    answer = client_from(app, **headers).get(HOUSES)
    assert answer.status_code == 401
    assert answer.headers["cache-control"] == "no-store"


def test_a_role_the_file_no_longer_has_gives_nothing(
    filled: Store, registry: Registry, tmp_path: Path
) -> None:
    secret = add_key(filled, "院", ["reader"], "test")
    app = app_of(filled, registry, tmp_path)
    found = client_from(app, x_api_key=secret)
    assert (found.get(PIPES).status_code, found.get(HOUSES).status_code) == (404, 200)


def test_no_shared_cache_mixes_callers(filled: Store, registry: Registry, tmp_path: Path) -> None:
    secret = add_key(filled, "院", ["reader"], "test")
    app = app_of(filled, registry, tmp_path, READER)
    for path in (HOUSES, "/collections", "/conformance", "/3dtiles/buildings/tileset.json"):
        named = client_from(app, x_api_key=secret).get(path)
        assert named.headers["cache-control"].split(", ")[0] == "private", path
        assert "public" not in named.headers["cache-control"]
        anyone = client_from(app).get(path)
        for answer in (named, anyone):
            assert "X-API-Key" in answer.headers["vary"], path
            assert "Authorization" in answer.headers["vary"]
        again = client_from(app, x_api_key=secret).get(
            path, headers={"if-none-match": named.headers["etag"]}
        )
        assert again.status_code == 304, path
        assert "private" in again.headers["cache-control"]
    assert client_from(app, x_api_key=secret).get("/collections").json()["collections"]


def test_what_a_caller_may(registry: Registry, filled: Store, tmp_path: Path) -> None:
    policy = {"roles": {
        "editor": {"layers": ["pipe_segments"], "write": ["pipe_segments", "parcels"]},
        "works": {"departments": ["自然资源和规划局"]},
        "boss": {"admin": True},
    }}  # fmt: skip
    access = access_of(app_of(filled, registry, tmp_path, policy))

    def who(*roles: str) -> Caller:
        made: Caller = access._caller("key", "key:x", roles)
        return made

    pipes, parcels = registry.layers["pipe_segments"], registry.layers["parcels"]
    editor = who("editor")
    assert (may_read(editor, pipes), may_write(editor, pipes)) == (True, True)
    assert (may_read(editor, parcels), may_write(editor, parcels)) == (False, False)
    assert not may_write(access.anonymous, registry.layers["buildings"])
    assert may_write(access.local, parcels)
    assert visible(who("boss"), registry) == tuple(registry.layers)
    assert who("boss").area_km2 is None
    owned = {x.id for x in registry.layers.values() if x.owner.zh == "自然资源和规划局"}
    assert owned <= set(visible(who("works"), registry))


def test_area_of_a_large_scale_layer(filled: Store, registry: Registry, tmp_path: Path) -> None:
    """One cell of 0.002° by 0.002° here is 0.0416 km²."""
    secret = add_key(filled, "院", ["reader"], "test")
    rule = {**READER, "area": {"warn_km2": 0.04, "limit_km2": 0.1}}
    for again in (False, True):  # a new process goes on where the last one stopped
        app = app_of(filled, registry, tmp_path, rule)
        reader = client_from(app, x_api_key=secret)
        first = reader.get(PIPES)
        assert first.status_code == 200
        assert again or float(first.headers["x-area-taken-km2"]) == pytest.approx(0.04, abs=0.003)
        assert "x-area-taken-km2" not in reader.get(HOUSES).headers  # public: not counted
        # the pipe begins on the edge of a cell: in metres it may fall into the one beside it
        metric = reader.get(PIPES, params={"crs": "EPSG:4547"})
        assert float(metric.headers["x-area-taken-km2"]) < 0.09
        tile = reader.get("/collections/pipe_segments/tiles/WebMercatorQuad/14/6600/13380")
        assert tile.status_code == 403, "a whole sheet is more than the limit"
        assert reader.get(PIPES, params={"skipGeometry": "true"}).status_code == 200
        access_of(app).trail.flush()
        (taken,) = list_area(filled)
        assert (taken.caller, taken.layer) == ("key:院", "pipe_segments")
        assert 0.041 < taken.km2 < 0.084
    tight = app_of(filled, registry, tmp_path, {**READER, "area": {"limit_km2": 0.01}})
    other = client_from(tight, x_api_key=add_key(filled, "他", ["reader"], "test"))
    see_keys(tight)
    for path in (PIPES, f"{PIPES}?f=gpkg", f"{PIPES}?f=geojsonseq", f"{PIPES}/1/history"):
        assert other.get(path).status_code == 403, path
    assert len(list_area(filled)) == 1, "what was refused is not counted"


def test_requests_a_second(filled: Store, registry: Registry, tmp_path: Path) -> None:
    app = app_of(filled, registry, tmp_path, {"rate": {"per_s": 0.5, "burst": 3}})
    far = client_from(app, FAR)
    assert [far.get("/conformance").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = far.get("/conformance")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert far.get("/healthz").status_code == 200
    assert client_from(app, "203.0.113.8").get("/conformance").status_code == 200
    near = client_from(app)
    assert {near.get("/conformance").status_code for _ in range(9)} == {200}
    # guessing keys is slowed as well
    guesses = client_from(app, "203.0.113.9", x_api_key="gis_guess")
    assert [guesses.get("/").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    assert [buckets.wait_s("a", 2, 2) for _ in range(3)] == [0, 0, 0.5]
    now[0] = 0.5
    assert [buckets.wait_s("a", 2, 2) for _ in range(2)] == [0, 0.5]
    assert buckets.wait_s("b", 2, 2) == 0


def test_what_goes_on_record(filled: Store, registry: Registry, tmp_path: Path) -> None:
    secret = add_key(filled, "院", ["reader"], "test")
    app = app_of(filled, registry, tmp_path, READER)
    reader = client_from(app, FAR, x_api_key=secret)
    reader.get(f"{HOUSES}?f=csv&storeys=3")
    for _ in range(5):
        reader.get("/collections/property_units/items")
    client_from(app, FAR, x_api_key="gis_no").get(HOUSES)
    boss = client_from(app, FAR, x_api_key=add_key(filled, "长", ["admin"], "test"))
    see_keys(app)
    for _ in range(7):
        boss.get("/collections/property_units/items")
    access_of(app).trail.flush()
    told = {(e["who"], e["action"], e["target"]): e for e in list_entries(filled)}
    assert told["key:院", "download", "buildings"]["detail"]["asked"] == "f=csv&storeys=3"
    assert told["key:院", "hidden", "property_units"]["detail"] == {"requests": 5}
    assert told["anonymous", "refused 401", "*"]["address"] == FAR
    assert told["key:长", "read", "property_units"]["detail"] == {"requests": 7}
    assert "gis_no" not in str(told)
    assert verify(filled).whole


@pytest.mark.parametrize(("policy", "key"), [
    ({"roles": {"a": {"read": ["secret"]}}}, "roles.a.read"),
    ({"roles": {"a": {"layers": ["nope"]}}}, "roles.a.layers"),
    ({"roles": {"a": {"write": "*"}}}, "roles.a.write"),
    ({"roles": {"a": {"reads": []}}}, "roles.a.reads"),
    ({"rols": {}}, "rols"),
    ({"area": {"limit_km2": -1}}, "area.limit_km2"),
    ({"audit": {"digest": "md5"}}, "audit.digest"),
    ({"oidc": {"issuer": "i", "audience": "a"}}, "oidc.jwks"),
    ({"oidc": {"issuer": "i", "audience": "a", "jwks": "http://far.example/k"}}, "oidc.jwks"),
    ({"oidc": {"issuer": "i", "audience": "a", "jwks": "k", "algorithms": ["HS256"]}},
     "oidc.algorithms"),
    ({"oidc": {"issuer": "i", "audience": "a", "jwks": "k", "algorithms": ["none"]}},
     "oidc.algorithms"),
])  # fmt: skip
def test_a_wrong_policy_says_where(
    registry: Registry, tmp_path: Path, policy: dict[str, Any], key: str
) -> None:
    (tmp_path / "access.yml").write_text(yaml.safe_dump(policy), "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policy(tmp_path, registry)
    assert caught.value.key == key


def test_the_policy_that_ships(registry: Registry) -> None:
    policy = load_policy(Path(__file__).parents[2] / "config", registry)
    assert {"anonymous", "admin", "reader", "trusted", "editor", "officer"} <= set(policy.roles)
    seen = {layer.id for layer in registry.layers.values() if policy.roles["reader"].reads(layer)}
    assert "property_units" not in seen
    assert "pipe_segments" in seen


def test_health_needs_no_key_and_no_database(
    filled: Store, registry: Registry, tmp_path: Path
) -> None:
    app = app_of(filled, registry, tmp_path)
    for path in ("/healthz", "/metrics"):
        assert client_from(app, FAR, x_api_key="gis_no").get(path).status_code == 200


def test_a_page_for_browsers_says_why(filled: Store, registry: Registry, tmp_path: Path) -> None:
    app = app_of(filled, registry, tmp_path)
    page: httpx.Response = client_from(app, accept="text/html", x_api_key="no").get("/")
    assert page.status_code == 401
    assert "密钥" in page.text


def test_a_browser_keeps_its_key(filled: Store, registry: Registry, tmp_path: Path) -> None:
    secret = add_key(filled, "院", ["reader"], "test")
    app = app_of(filled, registry, tmp_path, READER)
    browser = client_from(app)
    assert browser.get(PIPES).status_code == 404
    assert "anonymous" in browser.get("/signin").text
    assert browser.post("/signin", data={"key": "gis_no"}).status_code == 401
    evil = browser.post("/signin", data={"key": secret}, headers={"origin": "https://x.example"})
    assert evil.status_code == 403
    done = browser.post(
        "/signin", data={"key": secret}, headers={"origin": "http://127.0.0.1:8080"}
    )
    assert (done.status_code, done.headers["location"]) == (303, "/map")
    flags = done.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert browser.get(PIPES).status_code == 200  # the client keeps it as a browser does
    assert "key:院" in browser.get("/signin").text
    elsewhere = browser.get(PIPES, headers={"origin": "https://x.example"})
    assert elsewhere.status_code == 404
    revoke_key(filled, "院", "test")
    see_keys(app)
    assert browser.get(PIPES).status_code == 401
    assert browser.get("/signin").status_code == 200
    assert browser.post("/signin", data={}).headers["location"] == "/signin"
    see_keys(app)
    assert "gis_key" not in browser.cookies
    assert browser.get(HOUSES).status_code == 200


def test_a_city_that_shows_strangers_nothing(
    filled: Store, registry: Registry, tmp_path: Path
) -> None:
    app = app_of(filled, registry, tmp_path, {"roles": {"anonymous": {}}})
    stranger = client_from(app, FAR)
    for path in (
        "/", "/collections", "/openapi", "/conformance", "/map/config.json", "/map/counts.json",
        "/map/search.json?q=1", "/map/alerts.json", "/processes", "/styles", "/jobs",
        "/collections/catalogue/items", "/places/114.0,32.98/timeline.json", "/signin",
        "/tiles/WebMercatorQuad",
    ):  # fmt: skip
        answer = stranger.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert not any(f"/collections/{id_}" in answer.text for id_ in registry.layers), path
    assert stranger.get(HOUSES).status_code == 404
