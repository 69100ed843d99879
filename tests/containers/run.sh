#!/usr/bin/env bash
# Runs tasks as real containers: `make containers`. Podman is installed with apt where it is missing
# and that can be done; without it the tests are left out, and this says so. The image is made of
# this machine's busybox: nothing is pulled. Engine, images and containers live below
# target/containers and touch no others.
set -euo pipefail
cd "$(dirname "$0")/../.."
home=$PWD/target/containers

leave_out() {
    echo "make containers IS LEFT OUT: $1" >&2
    exit 0
}

install() {
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || leave_out "install $* first"
    if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends "$@"; } \
        >"$home/apt.log" 2>&1; then
        tail -n 3 "$home/apt.log" >&2
        leave_out "apt-get cannot install $*"
    fi
}

# What podman needs to know, for its calls by longshore as well.
configure() {
    local cgroups=systemd
    [ -d /run/systemd/system ] || cgroups=cgroupfs
    cat >"$home/containers.conf" <<-END
		[engine]
		runtime = "$1"
		cgroup_manager = "$cgroups"
		events_logger = "file"
		lock_type = "file"
		tmp_dir = "$home/tmp"
	END
    cat >"$home/storage.conf" <<-END
		[storage]
		driver = "vfs"
		graphroot = "$home/storage"
		runroot = "$home/state"
	END
}

make_images() {
    local image=$home/image
    rm -rf "$image"
    mkdir -p "$image/files/bin" "$image/files/tmp"
    cp "$(command -v busybox)" "$image/files/bin/busybox"
    for name in sh echo sleep cat env id kill sort; do
        ln -s busybox "$image/files/bin/$name"
    done
    for stage in test other; do
        podman build --quiet --file tests/containers/Containerfile --target "$stage" \
            --tag "localhost/longshore-$stage" "$image" >/dev/null
    done
}

clean() {
    podman rm --all --force --time 0 --volumes >/dev/null
    podman volume prune --force >/dev/null
}

mkdir -p "$home"
missing=()
command -v podman >/dev/null || missing+=(podman runc)
# A busybox that needs nothing beside itself.
busybox --help >/dev/null 2>&1 && ! ldd "$(command -v busybox)" >/dev/null 2>&1 \
    || missing+=(busybox-static)
[ ${#missing[@]} -eq 0 ] || install "${missing[@]}"

export CONTAINERS_CONF=$home/containers.conf CONTAINERS_STORAGE_CONF=$home/storage.conf
export BUILDAH_ISOLATION=chroot
# The limits that podman asks for otherwise are more than some machines may give.
options="--network=none --ulimit=nofile=1024:1024 --ulimit=nproc=4096:4096"
engine_works() {
    configure "$1" && make_images &&
        podman run --rm $options --entrypoint /bin/echo localhost/longshore-test works >/dev/null
}
if ! { command -v crun >/dev/null && engine_works crun 2>/dev/null; } && ! engine_works runc; then
    echo "podman is here and runs no container" >&2
    exit 1
fi

clean
trap clean EXIT
besides=()
if ! podman info --format '{{json .Host.CgroupControllers}}' | grep -q '"memory"'; then
    echo "podman cannot limit memory here: the test of too little memory IS LEFT OUT" >&2
    besides=(--skip too_little_memory)
fi
TEST_ENGINE_OPTIONS=$options \
    cargo test --locked --no-default-features --test it engine:: -- --ignored "${besides[@]}"

if [ -n "$(podman ps --all --quiet)$(podman volume ls --quiet)" ]; then
    echo "containers or volumes were left behind:" >&2
    podman ps --all >&2
    podman volume ls >&2
    exit 1
fi
