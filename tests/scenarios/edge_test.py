#!/usr/bin/env python3
"""Attacks on a collector's two listeners, one after the other, from an address of their own.

Heads and bodies that drip, bombs of zstd, JSON that is deep or huge, more connections than one
address may have, tokens that are guessed: the collector's peak of memory stays within a bound each
time, and a neighbour at another address gets all his answers, most of them soon. At the end the
auditor works through a budget of requests that is far too small for it, by waiting when it is told
to.
"""
import contextlib
import http.client
import json
import pathlib
import re
import select
import socket
import ssl
import struct
import sys
import threading
import time

import lab

ATTACKER = '127.0.0.2'  # limits for each address are not to help the neighbour at 127.0.0.1
MIB = 1 << 20
# 4 MiB of a register's body, its JSON as a tree and its answer; TLS takes some 40 KiB a connection.
PEAK_MAX = 160 * MIB
P99_MAX_S = 5.0  # far below the 10 s and 30 s that those who drip are given
PER_PEER_MAX = 2048
DRIPPING = 400


def memory(bench, name):
    """VmRSS or VmHWM of the collector, in bytes."""
    status = pathlib.Path(f'/proc/{bench.collector.process.pid}/status').read_text()
    return int(re.search(rf'^{name}:\s+(\d+) kB', status, re.MULTILINE).group(1)) << 10


def forget_peak(bench):
    pathlib.Path(f'/proc/{bench.collector.process.pid}/clear_refs').write_text('5')


def connect(bench, context, port=None):
    raw = socket.create_connection(
        ('127.0.0.1', port or bench.api_port), timeout=30, source_address=(ATTACKER, 0)
    )
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname='127.0.0.1')


class Neighbour(threading.Thread):
    """Asks one thing after the other over a kept connection, as long as the attack lasts."""

    def __init__(self, bench):
        super().__init__()
        self.bench, self.took, self.failed, self.done = bench, [], [], threading.Event()

    def run(self):
        context = ssl.create_default_context(cafile=str(self.bench.ca))
        headers = {'Authorization': f'Bearer {self.bench.token}'}
        way = http.client.HTTPSConnection('127.0.0.1', self.bench.api_port, context=context)
        while not self.done.is_set():
            began = time.monotonic()
            try:
                way.request('GET', '/v1/log', headers=headers)
                answer = way.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append(answer.status)
            except OSError as error:
                self.failed.append(repr(error))
                way.close()
            self.took.append(time.monotonic() - began)
        way.close()

    def p99(self):
        return sorted(self.took)[int(len(self.took) * 0.99)]


@contextlib.contextmanager
def attack(bench, name):
    """What is done within must not cost more memory than the bound, nor the neighbour an answer."""
    before = memory(bench, 'VmRSS')
    forget_peak(bench)
    neighbour = Neighbour(bench)
    neighbour.start()
    try:
        yield
        at_least = len(neighbour.took) + 20
        lab.wait_until('the neighbour', 60, lambda: len(neighbour.took) > at_least)
    finally:
        neighbour.done.set()
        neighbour.join()
    grew = memory(bench, 'VmHWM') - before
    assert bench.collector.alive(), bench.collector.tail()
    assert not neighbour.failed, (name, neighbour.failed[:5])
    assert neighbour.p99() < P99_MAX_S, (name, neighbour.p99())
    assert grew < PEAK_MAX, f'{name}: {grew / MIB:.0f} MiB more than before'
    print(
        f'{name}: peak +{grew / MIB:.0f} MiB; neighbour {len(neighbour.took)} answers,'
        f' p99 {neighbour.p99() * 1000:.0f} ms'
    )


def is_cut(sock):
    """Whether the server ended the connection; what it still said is passed over."""
    try:
        while sock.recv(4096):
            pass
    except ssl.SSLWantReadError:
        return False
    except OSError:
        pass
    return True


def drip(bench, context, head, seconds):
    """Connections that give a byte now and then, until the server has cut all of them."""
    slow = []
    for _ in range(DRIPPING):
        slow.append(connect(bench, context))
        slow[-1].sendall(head)
        slow[-1].setblocking(False)

    def all_cut():
        for sock in list(slow):
            try:
                sock.send(b'x')
                gone = is_cut(sock)
            except OSError:
                gone = True
            if gone:
                slow.remove(sock)
                sock.close()
        if slow:
            select.select([], [], [], 0.3)
        return not slow

    lab.wait_until('every slow connection to be cut', seconds, all_cut)


def slow_ones(bench, context):
    with attack(bench, 'slow heads'):
        drip(bench, context, b'GET /v1/log HTTP/1.1\r\nHost: a\r\nX: ', 60)
    # Each says that it will send all that a register may: no memory is set aside for a promise.
    head = (
        b'POST /v1/exemptions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
        b'Content-Length: %d\r\n\r\n' % (4 * MIB)
    )
    with attack(bench, 'slow bodies'):
        drip(bench, context, head, 120)


def answer_of(sock):
    """Status of one answer; None when the connection was cut without one."""
    try:
        head = sock.recv(4096)
    except OSError:
        return None
    return int(head.split(b' ')[1]) if head.startswith(b'HTTP/1.1 ') else None


def post(bench, context, path, body, token):
    with connect(bench, context) as sock:
        head = f'POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n'
        head += f'Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n'
        try:
            sock.sendall(head.encode() + body)
        except OSError:
            pass  # refused while it was being sent
        return answer_of(sock)


def json_bodies(bench, context):
    deep = b'[' * (4 * MIB - 1)
    objects = b'{"a":' * (4 * MIB // 5)
    wide = b'[' + b','.join([b'{}'] * 1_000_000) + b']'
    names = b'[{' + b','.join(b'"%d":""' % n for n in range(200_000)) + b'}]'
    number = b'[{"id":' + b'9' * (2 * MIB) + b'}]'
    with attack(bench, 'deep and huge JSON'):
        for body in (deep, objects, wide, names, number):
            for path in ('/v1/exemptions', '/v1/inventory/system'):
                assert post(bench, context, path, body, bench.token) == 400, body[:20]
        for body in (deep[: 60 << 10], objects[: 60 << 10], b'[' * 40, b'{"to":' * 40):
            for path in ('/v1/grants', '/v1/accounts', '/v1/tokens', '/v1/findings/x'):
                assert post(bench, context, path, body, bench.token) in (400, 404, 422), path
        too_long = b'[' + b' ' * (4 * MIB)
        assert post(bench, context, '/v1/exemptions', too_long, bench.token) in (413, None)
        assert post(bench, context, '/v1/exemptions', deep, 'guess') == 401


def bomb(decoded):
    """A zstd frame of blocks that each say "this byte 128 KiB times": 4 bytes for 128 KiB."""
    block = 128 << 10
    count = decoded // block
    frame = struct.pack('<IBB', 0xFD2FB528, 0, 0x58)  # no size told; a window of 2 MiB
    for n in range(count):
        frame += struct.pack('<I', int(n == count - 1) | 1 << 1 | block << 3)[:3] + b'x'
    return frame


def header_of(bench):
    """A header that the agent signed, from the log; its batch is told as a duplicate."""
    streams = json.loads(bench.get('/v1/streams')[1])['items']
    stream = next(each['stream'] for each in streams if each['host'] == 'web-01')
    frame = bench.get(f'/v1/streams/{stream}/batches/0')[1]
    (size,) = struct.unpack('>I', frame[:4])
    return frame[4 : 4 + size]


def bombs(bench):
    """Frames of an enrolled agent whose bodies decode to 1 GiB, as many as a post may hold."""
    context = ssl.create_default_context(cafile=str(bench.ca))
    state = bench.dir / 'web-01'
    key = next(path for path in state.rglob('*.key') if 'PRIVATE' in path.read_text('latin-1'))
    chain = next(path for path in state.rglob('*.crt') if 'ca' not in path.name)
    context.load_cert_chain(chain, key)
    header, body = header_of(bench), bomb(1 << 30)
    frame = struct.pack('>I', len(header)) + header + struct.pack('>I', len(body)) + body
    body = frame * 100
    head = 'POST /ingest/v1/batches HTTP/1.1\r\nHost: a\r\n'
    head += 'Content-Type: application/octet-stream\r\n'
    head += f'Content-Length: {len(body)}\r\n\r\n'
    with attack(bench, 'zstd bombs'):
        for _ in range(5):
            with connect(bench, context, bench.ingest_port) as sock:
                sock.sendall(head.encode() + body)
                said = sock.recv(65536)
                assert said.startswith(b'HTTP/1.1 200 '), said
    assert bench.audit_live()[0] == 0


def many_connections(bench, context):
    """More than one address may have: those beyond are closed, the others cost what they cost."""
    held, refused = [], 0
    with attack(bench, 'many connections'):
        for _ in range(PER_PEER_MAX + 100):
            try:
                held.append(connect(bench, context))
            except OSError:
                refused += 1
    assert refused >= 100 and len(held) <= PER_PEER_MAX, (refused, len(held))
    for sock in held:
        sock.close()


def metric(bench, name):
    text = bench.get('/metrics')[1].decode()
    return float(re.search(rf'^{name} (\S+)$', text, re.MULTILINE).group(1))


def guesses(bench, context):
    with attack(bench, 'guessed tokens'):
        statuses = [post(bench, context, '/v1/grants', b'{}', f'guess{n}') for n in range(300)]
        enrol = [
            post(bench, context, '/enrol/v1', b'{"token":"guess%d"}' % n, '') for n in range(60)
        ]
    assert statuses[0] == 401 and statuses[-1] == 429, statuses
    assert enrol[0] == 403 and enrol[-1] == 429, enrol
    assert metric(bench, 'yunjian_enrol_tokens_refused_total') == 60
    assert metric(bench, 'yunjian_enrol_too_often_total') == enrol.count(429)
    assert metric(bench, 'yunjian_api_credentials_refused_total') >= 300
    assert metric(bench, 'yunjian_api_too_often_total') >= statuses.count(429)


def small_budget(bench):
    """The auditor asks much more than it may in ten seconds, and finds the log good anyhow."""
    assert bench.collector.stop() == 0
    config = bench.dir / 'collector.toml'
    text = config.read_text()
    config.write_text(text.replace('[api]\n', '[api]\nrequests_per_s = 1\n'))
    bench.start_collector()
    for _ in range(12):
        bench.get('/v1/log')
    code, report = bench.audit_live()
    assert code == 0, report
    assert 'yunjian_api_too_often_total 0\n' not in patient_metrics(bench)


def patient_metrics(bench):
    """The metrics, once the budget allows it."""

    def read():
        status, body = bench.get('/metrics')
        return body.decode() if status == 200 else None

    return lab.wait_until('the metrics', 60, read)


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        log.write_text('one line\n')
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        lab.wait_until('the line', 60, lambda: bench.search('host: web-01 and "one line"'))
        assert agent.stop() == 0, agent.tail()
        context = ssl.create_default_context(cafile=str(bench.ca))
        slow_ones(bench, context)
        bombs(bench)
        json_bodies(bench, context)
        guesses(bench, context)
        many_connections(bench, context)
        small_budget(bench)
        assert bench.collector.stop() == 0
        code, report = bench.audit_live()
        assert code == 4, report  # who does not answer has not lost anything


if __name__ == '__main__':
    sys.exit(main())
