"""A proxy between one Locum and a server, which can be made to fail as networks do."""

import contextlib
import socket
import threading

from .process import free_port


class Proxy:
    """Hands bytes on between clients and the server at `target`, a port of this machine, until it is told not to."""

    def __init__(self, target: int):
        self.target = target
        self.port = free_port()
        self._flows = threading.Event()
        self._flows.set()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._listen()

    def stop(self):
        """From now on it is a black hole: connections stay, new ones can be opened, and nothing gets through."""
        self._flows.clear()

    def cut(self):
        """Breaks all connections; new ones are refused."""
        listener, self._listener = self._listener, None
        # A shutdown wakes whoever waits in `accept`; closing alone does not.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        with self._lock:
            broken, self._sockets = self._sockets, set()
        for each in broken:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def resume(self):
        """Lets everything through again, also what was held back."""
        self._flows.set()
        if not self._listener:
            self._listen()

    def close(self):
        self._flows.set()
        if self._listener:
            self.cut()

    def _listen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener: socket.socket):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _connect(self, client: socket.socket):
        self._flows.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets |= {client, server}
        back = threading.Thread(target=self._pump, args=[server, client], daemon=True)
        back.start()
        self._pump(client, server)
        back.join()
        with self._lock:
            self._sockets -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, target: socket.socket):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                target.sendall(data)
        # The end of a connection does not get through a black hole either.
        self._flows.wait()
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
