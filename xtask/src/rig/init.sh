#!/bin/busybox sh
# The guest's first process: loads the modules, runs /rig/command and sends its
# output and exit status to the host, each over a port of its own.
#
# /rig/modules  one line per module: its name and parameters
# /rig/shown    only in a guest with the host's files: host folders, one per
#               line, to show even where the guest has a file system of its own
# /rig/command  the script to run

/bin/busybox mkdir -p /bin /sbin /usr/bin /usr/sbin /proc /sys /dev /run /tmp /root
/bin/busybox --install -s
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1

# The device of the port that the host has named $1: it appears a moment after boot.
port() {
    for try in 0 1 2 3 4 5 6 7 8 9; do
        for dir in /sys/class/virtio-ports/*; do
            if [ "$(cat "$dir/name" 2>/dev/null)" = "$1" ] && [ -c "/dev/${dir##*/}" ]; then
                echo "/dev/${dir##*/}"
                return
            fi
        done
        sleep 1
    done
    echo "no port $1" >/dev/console
}

finish() {
    echo "$@" >&3
    sync
    poweroff -f
    sleep 60
}

exec 3>"$(port status)"
mkdir -p /dev/shm /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
mount -t debugfs debugfs /sys/kernel/debug
ifconfig lo 127.0.0.1 up

while read -r module params; do
    # Several parameters are several words.
    # shellcheck disable=SC2086
    insmod "/rig/modules.d/$module.ko" $params || finish "failed loading $module $params"
done </rig/modules
chmod 0666 /dev/video* /dev/media* /dev/v4l-subdev* /dev/dma_heap/* /dev/udmabuf /dev/cuse 2>/dev/null

root=
if [ -f /rig/shown ]; then
    root=/host
    mkdir -p "$root"
    # Nothing changes on the host while the guest looks, as far as the guest cares.
    mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose host "$root" ||
        finish "failed mounting the host's files"
    count=0
    while read -r folder; do
        count=$((count + 1))
        mkdir -p "/shown/$count"
        mount -o bind "$root$folder" "/shown/$count"
    done </rig/shown
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mount -t tmpfs -o mode=0755 tmpfs "$root/run"
    count=0
    while read -r folder; do
        count=$((count + 1))
        case $folder in
            /tmp/* | /run/*)
                mkdir -p "$root$folder"
                mount -o bind "/shown/$count" "$root$folder"
                ;;
        esac
    done </rig/shown
    for folder in dev proc sys; do
        mount -o rbind "/$folder" "$root/$folder"
    done
fi
mkdir -p "$root/run/rig/out" "$root/run/rig/home"
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 out "$root/run/rig/out" ||
    finish "failed mounting the results folder"
cp /rig/command "$root/run/rig/command"

# Pipes, because a port can be opened only once, and /dev/stdout asks for more.
mkfifo /out /err
cat /out >"$(port out)" &
out=$!
cat /err >"$(port err)" &
err=$!
echo started >&3
setsid chroot "$root/" /bin/sh /run/rig/command </dev/null >/out 2>/err 3>&-
code=$?

# What the command has left behind may still hold the pipes.
for process in /proc/[0-9]*; do
    process=${process#/proc/}
    case $process in
        1 | "$out" | "$err") ;;
        *) kill -9 "$process" 2>/dev/null ;;
    esac
done
wait "$out" "$err"
finish "exit $code"
