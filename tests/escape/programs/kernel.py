"""Asks the kernel for everything that would lead out: calls, sockets, files, privileges."""

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import stat
import struct
import subprocess

from attempts import X86, attempt, in_child, libc, syscall

MS_REMOUNT, MS_BIND = 32, 4096
NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "time": 0x00000080,
}


def handler(event, context):
    return {
        "mounting": mounting(),
        "namespaces": namespaces(),
        "others": other_processes(),
        "kernel": kernel(),
        "sockets": sockets(),
        "privileges": privileges(),
        "files": kernel_files(),
        "foreign": foreign_calls(),
        "status": status(),
    }


def status():
    """What the kernel says of this process's rights."""
    with open("/proc/self/status") as file:
        lines = file.read().splitlines()
    return {line.split(":")[0]: line.split(":", 1)[1].strip() for line in lines}


def mounting():
    return {
        "mount": syscall(165, 40, "tmpfs", "/tmp", "tmpfs", 0, ""),
        "remount /": syscall(165, 40, "", "/", "", MS_REMOUNT | MS_BIND, ""),
        "remount /var/task": syscall(165, 40, "", "/var/task", "", MS_REMOUNT | MS_BIND, ""),
        "bind": syscall(165, 40, "/proc", "/tmp", "", MS_BIND, ""),
        "umount /var/task": syscall(166, 39, "/var/task", 2),
        "umount /proc": syscall(166, 39, "/proc", 2),
        "umount /": syscall(166, 39, "/", 2),
        "pivot_root": syscall(155, 41, "/tmp", "/tmp"),
        "chroot": attempt(os.chroot, "/tmp"),
        "open_tree": syscall(428, 428, -100, "/", 1),
        "move_mount": syscall(429, 429, -100, "/tmp", -100, "/opt", 0),
        "fsopen": syscall(430, 430, "tmpfs", 0),
        "fspick": syscall(433, 433, -100, "/", 0),
        "mount_setattr": syscall(442, 442, -100, "/", 0, b"\0" * 32, 32),
        "open_by_handle_at": syscall(304, 265, -100, b"\0" * 32, 0),
    }


def namespaces():
    found = {"unshare " + name: syscall(272, 97, flag) for name, flag in NAMESPACES.items()}
    for name in ("net", "mnt", "user", "pid_for_children"):
        descriptor = os.open("/proc/self/ns/" + name, os.O_RDONLY)
        found["setns " + name] = syscall(308, 268, descriptor, 0)
        os.close(descriptor)
    flags = NAMESPACES["user"] | signal.SIGCHLD
    found["clone user"] = forked(56 if X86 else 220, flags, 0, 0, 0, 0)
    packed = struct.pack("=8Q", NAMESPACES["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    found["clone3 user"] = forked(435, packed, len(packed))
    return found


def forked(number, *arguments):
    """The outcome of a call that would fork."""
    parent = os.getpid()
    outcome = syscall(number, number, *arguments)
    if os.getpid() != parent:
        os._exit(0)
    return outcome


def other_processes():
    child = subprocess.Popen(["sleep", "20"])
    pidfd = os.pidfd_open(child.pid)
    space = ctypes.create_string_buffer(64)
    vector = struct.pack("=QQ", ctypes.addressof(space), 64)
    try:
        return {
            "ptrace attach": syscall(101, 117, 16, child.pid, 0, 0),
            "ptrace seize": syscall(101, 117, 0x4206, child.pid, 0, 0),
            "ptrace traceme": syscall(101, 117, 0, 0, 0, 0),
            "process_vm_readv": syscall(310, 270, os.getpid(), vector, 1, vector, 1, 0),
            "process_vm_writev": syscall(311, 271, os.getpid(), vector, 1, vector, 1, 0),
            "pidfd_getfd": syscall(438, 438, pidfd, 0, 0),
            "kcmp": syscall(312, 272, os.getpid(), os.getpid(), 0, 0, 1),
        }
    finally:
        os.close(pidfd)
        child.kill()
        child.wait()


def kernel():
    buffer = ctypes.create_string_buffer(256)
    return {
        "bpf": syscall(321, 280, 0, buffer, 72),
        "perf_event_open": syscall(298, 241, buffer, 0, -1, -1, 0),
        "keyctl": syscall(250, 219, 0, -3, 1, 0, 0),
        "add_key": syscall(248, 217, "user", "name", "value", 5, -3),
        "request_key": syscall(249, 218, "user", "name", 0, -3),
        "userfaultfd": syscall(323, 282, 0),
        "io_uring_setup": syscall(425, 425, 4, buffer),
        "init_module": syscall(175, 105, buffer, 0, ""),
        "finit_module": syscall(313, 273, 0, "", 0),
        "delete_module": syscall(176, 106, "none", 0),
        "kexec_load": syscall(246, 104, 0, 0, 0, 0),
        "reboot": syscall(169, 142, 0xFEE1DEAD, 672274793, 0, 0),
        "swapon": syscall(167, 224, "/tmp/swap", 0),
        "swapoff": syscall(168, 225, "/tmp/swap"),
        "sethostname": syscall(170, 161, "mine", 4),
        "setdomainname": syscall(171, 162, "mine", 4),
        "settimeofday": syscall(164, 170, struct.pack("=qq", 0, 0), 0),
        "clock_settime": syscall(227, 112, 0, struct.pack("=qq", 0, 0)),
        "adjtimex": syscall(159, 171, buffer),
        "syslog": syscall(103, 116, 3, buffer, 256),
        "acct": syscall(163, 89, "/tmp/acct"),
        "quotactl": syscall(179, 60, 0x80000800, "/dev/vda", 0, buffer),
        "fanotify_init": syscall(300, 262, 0, 0),
        "personality": syscall(135, 92, 0x0040000),
        "iopl": syscall(172, 0xFFFF, 3) if X86 else "EPERM",
        "ioperm": syscall(173, 0xFFFF, 0, 1, 1) if X86 else "EPERM",
    }


def sockets():
    found = {}
    for name, arguments in {
        "raw": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
        "raw6": (socket.AF_INET6, socket.SOCK_RAW, 58),
        "packet": (socket.AF_PACKET, socket.SOCK_RAW, 0x0300),
        "packet dgram": (socket.AF_PACKET, socket.SOCK_DGRAM, 0x0300),
        "vsock": (40, socket.SOCK_STREAM, 0),
        "alg": (38, socket.SOCK_SEQPACKET, 0),
        "bluetooth": (31, socket.SOCK_RAW, 1),
        "netfilter": (socket.AF_NETLINK, socket.SOCK_RAW, 12),
        "audit": (socket.AF_NETLINK, socket.SOCK_RAW, 9),
        "uevent": (socket.AF_NETLINK, socket.SOCK_RAW, 15),
        "sock_diag": (socket.AF_NETLINK, socket.SOCK_RAW, 4),
    }.items():
        found[name] = attempt(socket.socket, *arguments)
    # RTM_NEWADDR 127.0.0.2, RTM_NEWROUTE default, RTM_NEWLINK dummy; RTM_DELLINK of lo.
    address = struct.pack("=BBBBi", 2, 8, 0, 0, 1) + attribute(2, bytes((127, 0, 0, 2)))
    route = struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 253, 1, 0) + attribute(
        4, struct.pack("=i", 1)
    )
    link = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0) + attribute(18, attribute(1, b"dummy"))
    found["new address"] = netlink(20, address)
    found["new route"] = netlink(24, route)
    found["new link"] = netlink(16, link)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        down = struct.pack("16sh22x", b"lo", 0)
        found["interface down"] = attempt(fcntl.ioctl, one, 0x8914, down)
    return found


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def netlink(kind, body):
    """What the kernel answers to a request that would change the network."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as one:
        one.settimeout(2)
        # NLM_F_REQUEST | ACK | EXCL | CREATE
        one.send(struct.pack("=IHHII", 16 + len(body), kind, 0x605, 1, 0) + body)
        code = struct.unpack_from("=i", one.recv(4096), 16)[0]
        return attempt(refuse, -code) if code else "done"


def refuse(number):
    raise OSError(number, "")


def privileges():
    everything = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    header = struct.pack("=Ii", 0x20080522, 0)
    set_uid = "/tmp/set-uid"
    with open(set_uid, "w") as file:
        file.write("")
    return {
        "setuid": attempt(os.setuid, 0),
        "setresuid": attempt(os.setresuid, 0, 0, 0),
        "setgid": attempt(os.setgid, 0),
        "setgroups": attempt(os.setgroups, [0]),
        "capset": syscall(126, 91, header, everything),
        "ambient": "done" if libc.prctl(47, 2, 21, 0, 0) == 0 else "EPERM",
        "chown": attempt(os.chown, set_uid, 0, 0),
        "device block": attempt(os.mknod, "/tmp/block", stat.S_IFBLK | 0o666, os.makedev(254, 0)),
        "device memory": attempt(os.mknod, "/tmp/mem", stat.S_IFCHR | 0o666, os.makedev(1, 1)),
        "more processes": attempt(raise_limit, resource.RLIMIT_NPROC),
        "more files": attempt(raise_limit, resource.RLIMIT_NOFILE),
        "realtime": attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
        "faster": attempt(os.setpriority, os.PRIO_PROCESS, 0, -1),
        "set-uid program": set_uid_program(),
    }


def raise_limit(kind):
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (hard + 1, hard + 1))


def set_uid_program():
    """`done` when a set-uid program of the host still changes the user."""
    for program in ("/usr/bin/su", "/usr/bin/mount", "/usr/bin/passwd", "/usr/bin/sudo"):
        if os.path.exists(program) and not os.statvfs(program).f_flag & os.ST_NOSUID:
            return "done"
    return "EPERM"


def kernel_files():
    """Opening for writing what would change the kernel; for reading what would tell of it."""
    found = {}
    for path in (
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/sched_autogroup_enabled",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/fs/file-max",
        "/proc/sysrq-trigger",
        "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/cgroup.procs",
        "/proc/irq/default_smp_affinity",
        "/proc/1/uid_map",
        "/proc/1/gid_map",
        "/proc/self/uid_map",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/vda",
        "/dev/fuse",
        "/dev/net/tun",
        "/dev/kvm",
        "/dev/tty",
        "/dev/ptmx",
    ):
        found["write " + path] = attempt(write, path)
    for path in ("/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/vda", "/proc/timer_list"):
        found["read " + path] = attempt(read, path)
    found["lower oom score"] = attempt(write, "/proc/self/oom_score_adj", "-1000")
    return found


def write(path, text="1"):
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def read(path):
    with open(path, "rb") as file:
        file.read(16)


def foreign_calls():
    """System calls by another architecture's numbers, which the filter does not know."""
    if not X86:
        return {}
    return {
        "x32": in_child(lambda: libc.syscall(ctypes.c_long(0x40000000 | 39))),
        "i386": in_child(call_int80),
    }


def call_int80():
    """getpid by the 32-bit gate: mov eax, 20; int 0x80; ret."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ctypes.CFUNCTYPE(ctypes.c_int)(address)()
