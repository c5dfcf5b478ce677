# Sourced by the scripts beside it: installs what is missing, and says what. Needs $root, the checkout.

say() { printf '%s\n' "==> $*" >&2; }

die() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2-}" ] || printf '\nhint: %s\n' "$2" >&2
    exit 2
}

# need_packages PACKAGE...: have these Debian packages installed; through sudo where we are not root.
need_packages() {
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
            installed) ;;
            *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get:$missing" \
        "install what they hold with your system's own tools; on Debian: apt-get install$missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "these packages are missing, and only root can install them:$missing" \
            "as root: apt-get install$missing"
        as_root=sudo
    fi
    say "installing Debian packages:$missing"
    $as_root apt-get update -qq || die "apt-get update failed" "check the network and /etc/apt"
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
        die "apt-get could not install:$missing" "as root: apt-get install$missing"
}

# need_environment [PIP-OPTION...]: have the checkout installed in .venv, again when pyproject.toml changed.
need_environment() {
    python=
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    if [ -z "$python" ]; then
        need_packages python3 python3-venv
        python=python3
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is missing"
    fi
    wanted="$* $(cksum <"$root/pyproject.toml") $("$python" --version)"
    if [ "$(cat "$root/.venv/.installed" 2>/dev/null)" != "$wanted" ]; then
        say "installing Python packages into .venv"
        "$python" -m venv "$root/.venv" || die "no virtual environment could be made" "apt-get install python3-venv"
        "$root/.venv/bin/pip" install --quiet --upgrade pip
        (cd "$root" && .venv/bin/pip install --quiet --editable . "$@") ||
            die "pip could not install what the project needs" "check the network, then repeat"
        # Python 3.11 puts it there, nothing here needs it, and its hook makes each start of Python a millisecond longer.
        "$root/.venv/bin/pip" uninstall --quiet --yes setuptools 2>/dev/null || true
        printf '%s' "$wanted" >"$root/.venv/.installed"
    fi
    # As pip does for a package: where PYTHONDONTWRITEBYTECODE is set each start would compile all modules anew.
    "$root/.venv/bin/python" -m compileall -q "$root/src" || true
}
