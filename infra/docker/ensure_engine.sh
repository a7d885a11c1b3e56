#!/usr/bin/env bash
# Make a Docker engine answer on a Debian machine that has none, for the tests with --kafka=docker. Run as root.
# Does nothing where one answers already. Says what it did.
set -euo pipefail

readonly WAIT_SECONDS=60
readonly LOG=/var/log/dockerd.log
readonly -A PID_FILES=([dockerd]=/var/run/docker.pid [containerd]=/var/run/docker/containerd/containerd.pid)

answers() { docker version --format '{{.Server.Version}}' 2>/dev/null; }

if version=$(answers); then
    echo "A Docker engine answers already: ${version}."
    exit 0
fi

if [[ $(id -u) != 0 ]]; then
    echo "No Docker engine answers, and installing one needs root." >&2
    exit 1
fi

if ! command -v dockerd >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "No Docker engine answers, and this is not a Debian system: install Docker by hand." >&2
        exit 1
    fi
    echo "Installing docker.io from Debian's packages."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
fi

# An engine that was killed leaves these files, and the next one waits for processes that are gone, or refuses to start.
for program in dockerd containerd; do
    pid_file=${PID_FILES[${program}]}
    if [[ -f ${pid_file} ]] && ! grep -qs "${program}" "/proc/$(<"${pid_file}")/cmdline"; then
        echo "Removing ${pid_file}: the process that it names is gone."
        rm -f "${pid_file}"
    fi
done

# A session of its own, so that the engine stays when the terminal that started it goes.
# --iptables and the bridge are the defaults: published ports are reachable on the host's loopback.
echo "Starting dockerd; its log is ${LOG}."
setsid --fork dockerd --storage-driver=overlay2 </dev/null >"${LOG}" 2>&1

for ((second = 0; second < WAIT_SECONDS; second++)); do
    if version=$(answers); then
        echo "Docker engine ${version} answers after ${second} s (process $(<"${PID_FILES[dockerd]}"))."
        exit 0
    fi
    sleep 1
done

echo "No Docker engine answered within ${WAIT_SECONDS} s. Last lines of ${LOG}:" >&2
tail -n 15 "${LOG}" >&2
exit 1
