#!/usr/bin/env python3
"""A C2SP witness (tlog-witness, add-checkpoint) written to the specification, with an Ed25519 of
its own: a test double for the collector's push.

    c2sp_witness.Witness(vkey of the log).start() -> url, vkey, stop()
"""
import base64
import hashlib
import http.server
import threading
import time

import check_example as ed


def b64(raw):
    return base64.b64encode(raw).decode()


class Key:
    """RFC 8032 signing from a seed; C2SP type 0x04."""

    def __init__(self, name, seed):
        self.name, digest = name, hashlib.sha512(seed).digest()
        scalar = int.from_bytes(digest[:32], 'little')
        self.scalar = (scalar & ((1 << 254) - 8)) | (1 << 254)
        self.prefix = digest[32:]
        self.public = self.encode(ed.times(ed.BASE, self.scalar))
        self.id = hashlib.sha256(name.encode() + b'\n\x04' + self.public).digest()[:4]

    @staticmethod
    def encode(point):
        x, y = point
        return (y | ((x & 1) << 255)).to_bytes(32, 'little')

    def sign(self, message):
        def number(*parts):
            return int.from_bytes(hashlib.sha512(b''.join(parts)).digest(), 'little') % ed.L

        nonce = number(self.prefix, message)
        r = self.encode(ed.times(ed.BASE, nonce))
        s = (nonce + number(r, self.public, message) * self.scalar) % ed.L
        return r + s.to_bytes(32, 'little')

    def vkey(self):
        return f'{self.name}+{self.id.hex()}+{b64(bytes([4]) + self.public)}'

    def cosign(self, text):
        now = int(time.time())
        signature = self.sign(f'cosignature/v1\ntime {now}\n'.encode() + text)
        return f'— {self.name} {b64(self.id + now.to_bytes(8, "big") + signature)}\n'.encode()


def consistent(old_size, old_root, size, root, proof):
    """RFC 9162 section 2.1.4.2."""
    if old_size == size:
        return old_root == root and not proof
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    fn, sn = old_size - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = ed.node(c, fr), ed.node(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = ed.node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == root


class Witness:
    def __init__(self, log_vkey, name='witness.spec'):
        self.origin, _, key = log_vkey.split('+', 2)
        self.log_key = ed.b64(key)[1:]
        self.key = Key(name, hashlib.sha256(name.encode()).digest())
        self.size, self.root = 0, None
        self.answers = []  # status codes
        self.lock = threading.Lock()

    def add_checkpoint(self, body):
        """(status, content type, body) by the specification, in its order."""
        head, _, note = body.partition(b'\n\n')
        first, *proof = head.decode().split('\n')
        text = note.rpartition(b'\n\n')[0] + b'\n'
        origin, size, root, *_ = text.decode().split('\n')
        if origin != self.origin:
            return 404, 'text/plain', b''
        try:
            ed.check_note(note, self.origin, self.log_key)
        except (AssertionError, ValueError):
            return 403, 'text/plain', b''
        old, size, root = int(first.removeprefix('old ')), int(size), ed.b64(root)
        if old > size or len(proof) > 63:
            return 400, 'text/plain', b''
        if old != self.size:
            return 409, 'text/x.tlog.size', f'{self.size}\n'.encode()
        hashes = [ed.b64(line) for line in proof]
        if old == 0:
            good = not hashes
        else:
            good = consistent(old, self.root, size, root, hashes)
        if not good:
            return 422, 'text/plain', b''
        self.size, self.root = size, root
        return 200, 'text/plain', self.key.cosign(text)

    def start(self):
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                with witness.lock:
                    status, kind, answer = (witness.add_checkpoint(body)
                                            if self.path == '/prefix/add-checkpoint'
                                            else (404, 'text/plain', b''))
                    witness.answers.append(status)
                self.send_response(status)
                self.send_header('Content-Type', kind)
                self.send_header('Content-Length', str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f'http://127.0.0.1:{self.server.server_port}/prefix'
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
