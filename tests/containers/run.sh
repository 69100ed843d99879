#!/usr/bin/env bash
# Runs tasks as containers of a real engine: `run.sh podman` or `run.sh docker`. What is missing is
# installed with apt where that can be done; else the tests are left out, and this says so. The images
# are made of this machine's busybox: nothing is pulled. Engine, images and containers live below
# target/containers and touch no others.
set -euo pipefail
cd "$(dirname "$0")/../.."
engine=$1
home=$PWD/target/containers/$engine
# Neither a network nor more than a modest machine may give.
options="--network=none --ulimit=nofile=1024:1024 --ulimit=nproc=4096:4096"

leave_out() {
    echo "THE TESTS IN CONTAINERS OF $engine ARE LEFT OUT: $1" >&2
    exit 0
}

fail() {
    echo "$engine: $1" >&2
    exit 1
}

# Installs packages, or leaves the tests out.
install() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || leave_out "install $* first"
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"; } \
        >"$home/apt.log" 2>&1 || leave_out "apt-get cannot install $*: $(tail -n 1 "$home/apt.log")"
}

# An image's files: one program under every name that a test calls.
make_images() {
    rm -rf "$home/image"
    mkdir -p "$home/image/files/bin" "$home/image/files/tmp"
    mkdir -m 1777 "$home/image/files/open"
    cp "$(command -v busybox)" "$home/image/files/bin/busybox"
    cp tests/containers/Containerfile "$home/image/Dockerfile"
    for name in sh echo sleep cat env id kill sort; do
        ln -s busybox "$home/image/files/bin/$name"
    done
    for stage in test other; do
        "$engine" build --quiet --target "$stage" --tag "localhost/longshore-$stage" \
            "$home/image" >/dev/null 2>"$home/build.log" || { cat "$home/build.log" >&2; return 1; }
    done
}

runs_containers() {
    make_images && "$engine" run --rm $options localhost/longshore-test >/dev/null
}

clean() {
    "$engine" ps --all --quiet | xargs --no-run-if-empty "$engine" rm --force --volumes >/dev/null
}

mkdir -p "$home"
# A busybox that needs nothing beside itself.
if ! command -v busybox >/dev/null || ldd "$(command -v busybox)" >/dev/null 2>&1; then
    install busybox-static
fi
# Makes the engine ready; says by `limits` which limits it holds, and by `unready` how to end it.
unready() { :; }
source "tests/containers/$engine.sh"
trap 'clean; unready' EXIT
clean

besides=()
if [[ $limits != *memory* ]]; then
    echo "$engine cannot limit memory here: that test IS LEFT OUT" >&2
    besides=(--skip too_little_memory)
fi
# They wait more than they work.
TEST_ENGINE=$engine TEST_ENGINE_OPTIONS=$options TEST_ENGINE_LIMITS=$limits \
    cargo test --locked --no-default-features --test it engine:: -- \
    --ignored --test-threads 8 "${besides[@]}"

left=$("$engine" ps --all --quiet; "$engine" volume ls --quiet)
[ -z "$left" ] || fail "containers or volumes were left behind: $left"
