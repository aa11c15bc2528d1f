"""Ports that no other test takes: each is leased, machine-wide, until the process that leased it ends.

A port that was bound, closed and remembered can be answered twice, and the kernel gives it to the next outgoing connection. So a
port is leased by a lock on a file that is named for it, and the range lies outside the one the kernel draws from. The lock goes
with the process, however it ends; the file stays and says nothing.
"""

import errno
import fcntl
import os
import random
import socket
import tempfile

# Debian's ephemeral ports are 32768-60999; 1883, 5672 and 9090 are the quickstart's.
RANGE = range(20000, 32000)
FOLDER = os.path.join(tempfile.gettempdir(), "protocol-gateway-ports")

_leases = {}  # port -> the descriptor that holds its lock


def _lock(port, folder):
    """A descriptor that holds the port's lock; None while another process has it."""
    path = os.path.join(folder, str(port))
    try:
        # Not O_CREAT first: in a folder for everybody the kernel refuses it for a file that is another user's.
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            os.fchmod(descriptor, 0o666)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.ELOOP):
            return None
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _unused(port):
    """Nobody listens on it, on any address: not a program that knows nothing of leases either."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def lease(among=RANGE, folder=FOLDER):
    """A port of that range for this process alone."""
    os.makedirs(folder, exist_ok=True)
    try:
        os.chmod(folder, 0o1777)
    except PermissionError:
        pass  # Another user made it, and for all.
    first = random.randrange(len(among))  # Tests that start together need not queue for the same ones.
    for offset in range(len(among)):
        port = among[(first + offset) % len(among)]
        if port in _leases:
            continue
        descriptor = _lock(port, folder)
        if descriptor is None:
            continue
        if _unused(port):
            _leases[port] = descriptor
            return port
        os.close(descriptor)
    raise AssertionError(f"no port of {among.start}-{among.stop - 1} is free")


def release(port):
    """Gives a port back before the process ends. Not for a port on which something may still listen."""
    os.close(_leases.pop(port))
