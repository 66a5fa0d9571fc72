#!/usr/bin/env python3
"""A log that is older than a year lets go what it may, and nothing else.

400 days ago (under libfaketime, package faketime; without it the test says so and is skipped) two
hosts sealed records. Today the collector starts again with `retention_days`: the bodies of one host
go, with a signed leaf that names them, those of the other stay under a legal hold. It is killed
while it purges. Records of today are all there, the auditor finds nothing wrong, neither of the
copy nor of the log as it is served, and when the hold is lifted the other host's bodies go too.
"""
import json
import os
import pathlib
import sys

import lab

LIBRARY = pathlib.Path('/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1')
DAYS_AGO = 400
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
LINES = 30000  # of each host: what does not compress of them is more than a segment of the WAL
HOSTS = ('web-01', 'web-02')
HOLD = 'holds = ["host=web-02"]\n'


def log_of(bench, host):
    return bench.dir / f'{host}.txt'


class Bench(lab.Lab):
    """Its programs may live in the past; this script never does."""

    past = False

    def tls_context(self):
        context = super().tls_context()
        if self.past:
            context.verify_flags |= NO_CHECK_TIME
        return context

    def __enter__(self):
        self.go_back()
        return super().__enter__()

    def __exit__(self, *arguments):
        self.come_back()
        super().__exit__(*arguments)

    def go_back(self):
        """What is started from here on has a clock that is DAYS_AGO behind."""
        self.past = True
        os.environ.update(LD_PRELOAD=str(LIBRARY), FAKETIME=f'-{DAYS_AGO}d',
                          FAKETIME_DONT_FAKE_MONOTONIC='1')

    def come_back(self):
        self.past = False
        for name in ('LD_PRELOAD', 'FAKETIME', 'FAKETIME_DONT_FAKE_MONOTONIC'):
            os.environ.pop(name, None)


def year_ago(bench):
    """Two hosts, all of it filed."""
    bench.init()
    bench.start_collector()
    for host in HOSTS:
        lab.append_salted(log_of(bench, host), 0, LINES)
        agent = bench.enrol(host, lab.one_file(log_of(bench, host)))
        agent.start()
        lab.wait_until('its lines', 180,
                       lambda: lab.records_of(bench, log_of(bench, host)) == LINES)
        assert agent.stop() == 0, agent.tail()
    first = bench.dir / 'collector/wal/0000000000000000.seg'
    lab.wait_until('parts instead of the WAL', 120, lambda: not first.exists())
    assert bench.collector.stop() == 0, bench.collector.tail()


def today(bench):
    """The same log, with retention and a token of today; not started."""
    with (bench.dir / 'collector.toml').open('a') as out:
        out.write(f'[store]\nretention_days = 366\n{HOLD}')
    bench.token = bench.collect('token', 'create', '--role', 'authority', '--name', 'now').strip()
    lab.write_secret(bench.dir / 'token', bench.token + '\n')


def purge_leaves(bench):
    """Texts of the log's purge leaves, as anybody who may read the tiles sees them."""
    size = json.loads(bench.get('/v1/log')[1])['size']
    found = []
    for bundle in range((size + 255) // 256):
        width = min(256, size - bundle * 256)
        name = f'{bundle:03d}' + ('' if width == 256 else f'.p/{width}')
        status, body = bench.get(f'/tile/entries/{name}')
        assert status == 200, body
        while body:
            length = int.from_bytes(body[:2], 'big')
            leaf, body = body[2 : 2 + length], body[2 + length :]
            if leaf.startswith(b'yunjian/purge/v1\n'):
                found.append(leaf.decode())
    return found


def check_audited(bench):
    code, report = bench.audit_live()
    assert code == 0, report
    assert bench.collector.stop() == 0, bench.collector.tail()
    code, report = bench.audit('--data', bench.dir / 'collector')
    assert code == 0, report


def room(bench):
    """Bytes of all that holds records."""
    data = bench.dir / 'collector'
    return sum(path.stat().st_size for kind in ('parts', 'wal') for path in (data / kind).iterdir())


def purged(bench, host):
    lab.wait_until(f'the purge of {host}', 180,
                   lambda: lab.records_of(bench, log_of(bench, host)) == 0)


def first_purge(bench):
    """The old bodies of web-01 go; a kill somewhere on the way changes nothing of the outcome."""
    bench.start_collector()
    lab.wait_until('a purge leaf', 120, lambda: purge_leaves(bench))
    bench.collector.kill()
    bench.start_collector()
    # What closes the segment of the WAL in which the last old records are.
    today_log = log_of(bench, 'web-03')
    lab.append_salted(today_log, 0, LINES)
    agent = bench.enrol('web-03', lab.one_file(today_log))
    agent.start()
    lab.wait_until("today's lines", 180, lambda: lab.records_of(bench, today_log) == LINES)
    assert agent.stop() == 0, agent.tail()
    purged(bench, 'web-01')
    assert lab.records_of(bench, log_of(bench, 'web-02')) == LINES
    assert lab.records_of(bench, today_log) == LINES
    acts = lab.wait_until('the act', 120, lambda: bench.search('what: purge'))
    assert all(json.loads(act['line'])['batches'] > 0 for act in acts), acts


def main():
    if not LIBRARY.exists():
        print(f'SKIPPED: {LIBRARY} is not here (apt-get install faketime)')
        return
    with Bench(lab.bin_directory()) as bench:
        year_ago(bench)
        bench.come_back()
        today(bench)
        first_purge(bench)
        check_audited(bench)
        held = room(bench)
        config = bench.dir / 'collector.toml'
        config.write_text(config.read_text().replace(HOLD, ''))
        bench.start_collector()
        purged(bench, 'web-02')
        assert lab.records_of(bench, log_of(bench, 'web-03')) == LINES
        leaves = purge_leaves(bench)
        assert len(leaves) >= 2, leaves
        check_audited(bench)
        assert room(bench) < held * 2 / 3, (held, room(bench))
        print(f'{2 * LINES} records of a day {DAYS_AGO} days ago purged with {len(leaves)} leaves, '
              f'{LINES} of today kept; {held} bytes became {room(bench)}')


if __name__ == '__main__':
    sys.exit(main())
