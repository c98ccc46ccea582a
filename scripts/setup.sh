#!/usr/bin/env bash
# Makes this checkout ready: scripts/setup.sh run|test
#   run   what the service needs: PostGIS, Node (for the map page), the Python environment, the page
#   test  that, and what the tests drive: Chromium, QGIS, GDAL's commands, CJK fonts
# Idempotent and quiet where nothing is to do. Everything lands in this folder but Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
want=${1:-run}

say()  { printf '%s\n' "$*" >&2; }
fail() { printf '错误：%s\nerror: %s\n' "$1" "$2" >&2; exit 2; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- Debian's packages ------------------------------------------------------------------
has_postgis() { compgen -G '/usr/share/postgresql/*/extension/postgis.control' >/dev/null &&
                compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
has_node() { have node && have npm && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]; }

# QGIS's own Python, the system's: its module is built for no other.
have_qgis() { /usr/bin/python3 -c 'import qgis.core' >/dev/null 2>&1; }

missing=()
[ -n "${GIS_DATABASE_URL:-}" ] || has_postgis || missing+=(postgresql postgresql-contrib postgis postgresql-postgis)
has_node || missing+=(nodejs npm)
if [ "$want" = test ]; then
  has_postgis || [[ " ${missing[*]-} " == *" postgis "* ]] || missing+=(postgresql postgresql-contrib postgis postgresql-postgis)
  have ogrinfo || missing+=(gdal-bin)
  have_qgis || missing+=(python3-qgis)
  have chromium || have chromium-browser || have google-chrome || missing+=(chromium)
  fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fonts-noto-cjk fontconfig)
fi
if [ ${#missing[@]} -gt 0 ]; then
  # Debian names the extension's package after the server's version
  apt_names() { local n; for n in "${missing[@]}"; do
      [ "$n" = postgresql-postgis ] && n=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-[0-9]+$' 2>/dev/null | sort -V | tail -n 1 | cut -d' ' -f1)
      [ -n "$n" ] && printf '%s ' "$n"; done; }
  manual="apt-get install ${missing[*]/postgresql-postgis/postgresql-15-postgis-3}"
  have apt-get || fail "缺少 ${missing[*]}，且本机没有 apt-get；请用本机的包管理器安装 PostgreSQL+PostGIS、Node.js ≥ 18" \
                       "missing ${missing[*]}, and there is no apt-get here; install PostgreSQL with PostGIS and Node.js >= 18 with this system's own package manager"
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    if have sudo && sudo -n true 2>/dev/null; then sudo="sudo"
    elif have sudo && [ -t 0 ]; then sudo="sudo"
    else fail "缺少 Debian 软件包，且没有 root 权限。请管理员执行：$manual；或设置 GIS_DATABASE_URL 指向已有的 PostGIS" \
              "Debian packages are missing and this user is not root. Ask an administrator to run: $manual; or point GIS_DATABASE_URL at an existing PostGIS"
    fi
  fi
  say "安装 Debian 软件包 / installing Debian packages: ${missing[*]}"
  $sudo apt-get update -qq >&2 || true
  # shellcheck disable=SC2046
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(apt_names) >/dev/null ||
    fail "apt-get 安装失败。请手工执行：$manual" "apt-get failed. Run by hand: $manual"
fi

# --- Python -----------------------------------------------------------------------------
runs() { "$1" -c 'import sys; sys.exit(not ((3, 12) <= sys.version_info[:2] < (3, 15)))' >/dev/null 2>&1; }
find_python() {
  local p
  for p in python3.13 python3.12 python3.14 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-4]*/bin/python; do
    if have "$p" && runs "$p"; then command -v "$p"; return; fi
  done
}
find_uv() {
  if have uv; then command -v uv; return; fi
  if [ ! -x .uv/bin/uv ]; then
    local any; any=$(find_python); any=${any:-$(command -v python3 || true)}
    [ -n "$any" ] || fail "没有 Python。请安装 python3 与 python3-venv" "no Python here. Install python3 and python3-venv"
    rm -rf .uv && "$any" -m venv .uv >&2 || fail "无法建立虚拟环境。请安装：apt-get install python3-venv" "can't make a virtual environment. Run: apt-get install python3-venv"
    .uv/bin/python -m pip install -q --disable-pip-version-check uv >&2
  fi
  printf '%s\n' "$PWD/.uv/bin/uv"
}
lock=requirements.lock; [ "$want" = test ] && lock=requirements-dev.lock
digest() { sha256sum "$@" | sha256sum | cut -c1-16; }
stamp=.venv/.one-map-$(digest pyproject.toml requirements.lock)
if [ ! -e "$stamp-$want" ] && { [ "$want" = test ] || [ ! -e "$stamp-test" ]; }; then
  uv=$(find_uv); python=$(find_python)
  if [ ! -x .venv/bin/python ] || ! runs .venv/bin/python; then
    rm -rf .venv
    # No Python of ours runs here: only then may uv fetch one.
    "$uv" venv -q --python "${python:-3.12}" .venv
  fi
  say "安装 Python 依赖 / installing the Python packages of $lock"
  "$uv" pip sync -q --python .venv/bin/python --require-hashes "$lock"
  "$uv" pip install -q --python .venv/bin/python --no-deps -e .
  rm -f .venv/.one-map-*; touch "$stamp-$want"
fi

# --- the map page -----------------------------------------------------------------------
if [ -f web/package-lock.json ]; then
  web=web/node_modules/.one-map-$(digest web/package-lock.json)
  if [ ! -e "$web" ]; then
    say "安装地图页面依赖 / installing the map page's packages"
    (cd web && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >&2)
    touch "$web"
  fi
  built=web/dist/.built-$(find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
  if [ ! -e "$built" ]; then
    say "构建地图页面 / building the map page"
    (cd web && npm run --silent build >&2)
    touch "$built"
  fi
fi
