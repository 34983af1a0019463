#!/bin/sh
# keeper.sh FOLDER CGROUP [COMMAND...]: outlives its test by a moment, however that ends, and takes away what does not
# go with processes: the cluster's folder and a node's cgroups. COMMAND is a node's first process and ends with the test
# too. The end of its input says that the test has dropped the cluster or died. Where FOLDER/keep stands, all but
# FOLDER/work is left for reading.
folder=$1 cgroup=$2
shift 2
node=
if [ $# -gt 0 ]; then
    setpriv --pdeathsig KILL "$@" </dev/null &
    node=$!
fi
read -r _
if [ -n "$node" ]; then
    kill -KILL "$node"
    wait "$node"
    # Processes of its namespaces end a moment later, and only then do cgroups.
    for _ in $(seq 100); do
        find /sys/fs/cgroup -depth -type d -path "/sys/fs/cgroup/*/$cgroup*" -exec rmdir {} + 2>/dev/null
        [ -n "$(find /sys/fs/cgroup -maxdepth 2 -name "$cgroup")" ] || break
        sleep 0.1
    done
fi
gone=$folder
[ ! -e "$folder/keep" ] || gone=$folder/work
# Of a killed test the programs may still be writing.
for _ in $(seq 100); do
    rm -rf "$gone" 2>/dev/null && break
    sleep 0.1
done
