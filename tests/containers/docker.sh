# A daemon of docker's that serves nobody else, ended by its process id.
[ "$(id -u)" -eq 0 ] || leave_out "a daemon of its own needs root"
if ! command -v dockerd >/dev/null; then
    # The package would start a daemon for everybody, for good.
    [ ! -d /run/systemd/system ] || leave_out "install docker.io first"
    install docker.io
fi

rm -rf "$home/exec" "$home/pid"
cat >"$home/daemon.json" <<END
{
    "hosts": ["unix://$home/socket"],
    "data-root": "$home/data",
    "exec-root": "$home/exec",
    "pidfile": "$home/pid",
    "storage-driver": "vfs",
    "bridge": "none",
    "iptables": false,
    "ip6tables": false
}
END
dockerd --config-file "$home/daemon.json" >"$home/daemon.log" 2>&1 &
daemon=$!
unready() {
    kill "$daemon" 2>/dev/null && wait "$daemon" || true
}
trap unready EXIT
export DOCKER_HOST=unix://$home/socket DOCKER_BUILDKIT=0 # it needs nothing besides
for _ in $(seq 100); do
    docker version >/dev/null 2>&1 && break
    kill -0 "$daemon" 2>/dev/null || leave_out "its daemon does not run here: $home/daemon.log"
    sleep 0.2
done
runs_containers || fail "it is here and runs no container"
limits=
[ "$(docker info --format '{{.MemoryLimit}}')" != true ] || limits+=" memory"
[ "$(docker info --format '{{.CPUCfsQuota}}')" != true ] || limits+=" cpu"
