#!/usr/bin/env python3
"""A collector whose disk fills up: its data lie on a small tmpfs.

At 80 % there is an alarm. At 95 % there is another, and agents are told 503 with Retry-After: they
spool, over a restart too, while searches go on and nothing is deleted. When there is room again
every line arrives, once and in order, and the auditor finds nothing missing.
"""
import http.client
import json
import os
import ssl
import subprocess
import sys

import lab

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

    def alarms(self):
        found = self.search('what: alarm and alarm: disk')
        return [json.loads(item['line'])['percent'] for item in found]

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
    lab.wait_until('the alarm of 95 %', 60, lambda: bench.alarms() == [80, 95])
    before = spooled(bench)
    append(log, LINES, LINES)
    lab.wait_until('the spool', 60, lambda: spooled(bench) > before)
    assert lines(bench, log) == [f'line {number:06d}' for number in range(LINES)]
    assert agent.stop() == 0, agent.tail()  # it ends in time though nobody takes what it has
    assert refusal(bench)


def spooled(bench):
    """Bytes of the batches that wait in the agent's spool."""
    return sum(path.stat().st_size for path in (bench.dir / 'web-01').rglob('*.seg'))


def main():
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
        print(f'503 at 95 %, alarms at 80 and 95 %; {2 * LINES} lines once when there was room')


if __name__ == '__main__':
    sys.exit(main())
