#!/bin/sh
# init.sh WORK HOSTNAME CGROUP ADDRESS: the first process of a node's namespaces. Makes all that a kubelet changes its own,
# writes its process id as the machine sees it to WORK/init, then reaps.
set -eu
work=$1 hostname=$2 cgroup=$3 address=$4
cd /
# /proc is still the machine's.
read -r id _ </proc/self/stat
hostname "$hostname"
# Mounts of pods spread within these namespaces; none reaches the machine, since unshare has cut them off.
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/containerd /run/kubelet /run/pods /run/lock /run/netns /run/sysctl
for folder in /var/lib /var/log /etc /opt; do
    mkdir -p "/run/overlay$folder/upper" "/run/overlay$folder/work"
    mount -t overlay -o "lowerdir=$folder,upperdir=/run/overlay$folder/upper,workdir=/run/overlay$folder/work" \
        overlay "$folder"
done
# A kubelet sets these for the whole machine.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
    kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    copy=/run/sysctl/$(echo "$name" | tr / .)
    cat "/proc/sys/$name" >"$copy"
    mount --bind "$copy" "/proc/sys/$name"
done
ip link set lo up
ip address add "$address/32" dev lo
for controller in /sys/fs/cgroup/*/; do
    mkdir -p "$controller$cgroup"
done
for file in cpuset.cpus cpuset.mems; do
    cat "/sys/fs/cgroup/cpuset/$file" >"/sys/fs/cgroup/cpuset/$cgroup/$file"
done
echo "$id" >"$work/init.half"
mv "$work/init.half" "$work/init"
while :; do
    sleep 3600 &
    wait $!
done
