"""Join stdin and stdout to a TCP port: what `ssh -o ProxyCommand` needs inside a network namespace.

Run as a plain script with the system's Python, standard library only: it works where no environment is installed, and
starts in a few hundredths of a second.
"""

import os
import selectors
import socket
import sys

CONNECT_TIMEOUT_SECONDS = 10.0
CHUNK_BYTES = 65536


def relay(host: str, port: int) -> None:
    """Copy both ways until the far side closes. Raises OSError when nothing answers there."""
    with socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_SECONDS) as peer:
        peer.settimeout(None)
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(peer, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is peer:
                        received = peer.recv(CHUNK_BYTES)
                        if not received:
                            return
                        _write_all(received)
                        continue
                    sent = os.read(0, CHUNK_BYTES)
                    if sent:
                        peer.sendall(sent)
                    else:
                        # Our side is done; the other may still have something to say.
                        selector.unregister(0)
                        peer.shutdown(socket.SHUT_WR)


def _write_all(content: bytes) -> None:
    """Write everything to stdout: a pipe may take less than it is offered."""
    view = memoryview(content)
    while view:
        view = view[os.write(1, view) :]


def main(argv: list[str]) -> int:
    """Run with HOST PORT; one line on stderr when it fails."""
    if len(argv) != 3 or not argv[2].isdigit():
        sys.stderr.write("usage: relay.py HOST PORT\n")
        return 2
    try:
        relay(argv[1], int(argv[2]))
    except OSError as error:
        sys.stderr.write(f"{argv[1]}:{argv[2]}: {error.strerror or error}. Is the node up? dcops lab status\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
