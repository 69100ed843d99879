# Podman with settings of its own, as longshore's calls of it have them by the environment.
command -v podman >/dev/null || install podman runc

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

export CONTAINERS_CONF=$home/containers.conf CONTAINERS_STORAGE_CONF=$home/storage.conf
export BUILDAH_ISOLATION=chroot
works=
for runtime in crun runc; do
    command -v "$runtime" >/dev/null || continue
    configure "$runtime"
    runs_containers && works=yes && break
done
[ -n "$works" ] || fail "it is here and runs no container"
limits=$(podman info --format '{{json .Host.CgroupControllers}}')
