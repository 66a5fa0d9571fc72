#!/usr/bin/env python3
"""A collector whose disk fills up: its data lie on a small tmpfs.

At 80 and 90 % there is an alarm. At 95 % there is another, and agents are told 503 with
Retry-After: they spool, over a restart too, while searches go on and nothing is deleted. When there
is room again every line arrives, once and in order, and the auditor finds nothing missing.

Before that, with a clock that is put forward (libfaketime; without it this part is left out): an
alarm tells in how many days the disk is full at the pace of the last day, the metrics tell sizes.
"""
import datetime
import http.client
import json
import os
import pathlib
import ssl
import subprocess
import sys
import urllib.request

import lab

LIBRARY = pathlib.Path('/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1')
DISK_MIB = 96
LINES = 200


class Bench(lab.Lab):
    """Its data directory is a file system of its own."""

    def mount(self):
        """Empty, or why there is no such disk."""
        self.data = self.dir / 'collector'
        self.data.mkdir(mode=0o700)
        done = subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m,mode=0700', 'tmpfs', self.data],
            capture_output=True,
            text=True,
            check=False,
        )
        self.mounted = done.returncode == 0
        return done.stderr.strip()

    def __exit__(self, kind, *more):
        for program in self.programs:
            if program.alive():
                program.kill()
        if self.mounted:
            subprocess.run(['umount', '-l', self.data], check=True)
        super().__exit__(kind, *more)

    def fill(self, percent):
        """Makes a file that brings the disk to `percent`."""
        about = os.statvfs(self.data)
        free_wanted = about.f_blocks * (100 - percent) // 100
        filler = os.open(self.data / f'filler-{percent}', os.O_WRONLY | os.O_CREAT)
        try:
            os.posix_fallocate(filler, 0, (about.f_bavail - free_wanted) * about.f_frsize)
        finally:
            os.close(filler)

    def disk_alarms(self):
        return [json.loads(item['line']) for item in self.search('what: alarm and alarm: disk')]

    def alarms(self):
        return [alarm['percent'] for alarm in self.disk_alarms()]

    def time(self):
        """The collector's, as it tells those that enrol."""
        asked = self.url + '/enrol/v1/ca'
        with urllib.request.urlopen(asked, context=self.tls_context(), timeout=30) as answer:
            told = answer.headers['Yunjian-Time']
        return datetime.datetime.fromisoformat(told.replace('Z', '+00:00'))

    def use(self):
        """(used, free) bytes of the disk, as the metrics tell them."""
        status, text = self.get('/metrics')
        assert status == 200, text
        found = {}
        for line in text.decode().splitlines():
            for name in ('yunjian_disk_bytes', 'yunjian_disk_free_bytes'):
                if line.startswith(name + '{place="data"}'):
                    found[name] = float(line.split()[1])
        size, free = found['yunjian_disk_bytes'], found['yunjian_disk_free_bytes']
        return size - free, free

    def post(self, state):
        """(status, Retry-After, problem) of a post with no frame, by the agent of `state`."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(state / 'tls.crt', state / 'tls.key')
        ingest = http.client.HTTPSConnection(
            '127.0.0.1', self.ingest_port, context=context, timeout=30
        )
        try:
            headers = {'Content-Type': 'application/octet-stream'}
            ingest.request('POST', '/ingest/v1/batches', body=b'', headers=headers)
            answer = ingest.getresponse()
            body = answer.read()
            problem = json.loads(body) if answer.status >= 400 else {}
            return answer.status, answer.headers['Retry-After'], problem
        finally:
            ingest.close()


def append(log, first, count):
    with log.open('a') as out:
        for number in range(first, first + count):
            out.write(f'line {number:06d}\n')


def lines(bench, log):
    return [json.loads(item['line'])['message'] for item in bench.search(f'log: "{log}"')]


def refusal(bench):
    """What the agent is told while nothing is taken; nothing when something is."""
    told = bench.post(bench.dir / 'web-01')
    return told if told[0] == 503 else None


def check_full(bench, log, agent):
    """What 95 % means to agents and to those who ask."""
    _, retry_after, problem = lab.wait_until('503', 90, lambda: refusal(bench))
    assert int(retry_after) >= 60, retry_after
    assert problem['type'].endswith('storage-full') and '95 %' in problem['detail'], problem
    lab.wait_until('the alarm of 95 %', 60, lambda: bench.alarms() == [80, 90, 95])
    before = spooled(bench)
    append(log, LINES, LINES)
    lab.wait_until('the spool', 60, lambda: spooled(bench) > before)
    assert lines(bench, log) == [f'line {number:06d}' for number in range(LINES)]
    assert agent.stop() == 0, agent.tail()  # it ends in time though nobody takes what it has
    assert refusal(bench)


def spooled(bench):
    """Bytes of the batches that wait in the agent's spool."""
    return sum(path.stat().st_size for path in (bench.dir / 'web-01').rglob('*.seg'))


HOURS = 20


def forecast():
    """What an alarm says of the days that are left, when the use grows over some hours."""
    if not LIBRARY.exists():
        print(f'SKIPPED in part: {LIBRARY} is not here (apt-get install faketime)')
        return
    with Bench(lab.bin_directory()) as bench:
        if bench.mount():
            return  # main() says why
        ahead = bench.dir / 'ahead'
        ahead.write_text('+0')
        faked = {
            'LD_PRELOAD': str(LIBRARY),
            'FAKETIME_TIMESTAMP_FILE': str(ahead),
            'FAKETIME_CACHE_DURATION': '1',
            'FAKETIME_DONT_FAKE_MONOTONIC': '1',
        }
        bench.init()
        bench.fill(88)
        bench.collector.start(**faked)
        bench.wait_collector()
        lab.wait_until('the alarm of 80 %', 90, lambda: bench.alarms() == [80])
        assert 'days_to_full' not in bench.disk_alarms()[0]  # nothing is known of a pace yet
        before, _ = bench.use()
        later = bench.time() + datetime.timedelta(hours=HOURS)
        ahead.write_text(f'+{HOURS}h')
        lab.wait_until('the time', 30, lambda: bench.time() >= later)
        bench.fill(91)
        lab.wait_until('the alarm of 90 %', 90, lambda: bench.alarms() == [80, 90])
        used, free = bench.use()
        about = os.statvfs(bench.data)
        assert abs(free - about.f_bavail * about.f_frsize) < 1 << 20, (free, about)
        days = free / ((used - before) / HOURS) / 24
        told = bench.disk_alarms()[1]['days_to_full']
        assert days > 1.2 and abs(told - int(days)) <= 1, (told, days)
        assert bench.collector.stop() == 0, bench.collector.tail()
        print(f'{told} days to full, told at 90 %')


def main():
    forecast()
    with Bench(lab.bin_directory()) as bench:
        reason = bench.mount()
        if reason:
            print(f'SKIPPED: no tmpfs can be mounted here: {reason}')
            return
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        append(log, 0, LINES)
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        lab.wait_until('the first lines', 60, lambda: len(lines(bench, log)) == LINES)
        bench.fill(82)
        lab.wait_until('the alarm of 80 %', 90, lambda: bench.alarms() == [80])
        bench.fill(92)
        lab.wait_until('the alarm of 90 %', 90, lambda: bench.alarms() == [80, 90])
        assert not refusal(bench)
        bench.fill(96)
        check_full(bench, log, agent)
        for filler in bench.data.glob('filler-*'):
            filler.unlink()
        lab.wait_until('room', 90, lambda: not refusal(bench))
        agent.start()
        lab.wait_until('the rest', 60, lambda: len(lines(bench, log)) == 2 * LINES)
        assert lines(bench, log) == [f'line {number:06d}' for number in range(2 * LINES)]
        assert agent.stop() == 0, agent.tail()
        code, report = bench.audit_live()
        assert code == 0, report
        assert bench.collector.stop() == 0, bench.collector.tail()
        code, report = bench.audit('--data', bench.data)
        assert code == 0, report
        print(f'503 at 95 %, alarms at 80, 90 and 95 %; {2 * LINES} lines once when there was room')


if __name__ == '__main__':
    sys.exit(main())
