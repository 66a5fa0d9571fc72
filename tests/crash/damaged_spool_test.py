#!/usr/bin/env python3
"""tests/crash/damaged_spool_test.py [--damages N]

A disk damages what an agent has sealed and not shipped: a flipped bit, a zeroed sector, a file cut
short, at places spread over all that was written since the last time, in either copy. One damage
after the other on one stream. Each time the agent starts, ships and stops in good order; in the end
each line is at the collector once and in order, or in a batch that a gap record names as damaged,
and the auditor sees no other absence.
"""
import argparse
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'scenarios'))

import lab  # noqa: E402

SECTOR = 512
LINES, WORDS = 12, 40


def flip(data, at):
    data[at] ^= 1 << at % 8


def zero(data, at):
    at -= at % SECTOR
    data[at : at + SECTOR] = bytes(len(data[at : at + SECTOR]))


def cut(data, at):
    del data[at:]


class Host:
    def __init__(self, bench):
        self.bench, self.log = bench, bench.dir / 'lines'
        self.log.write_text('')
        config = lab.one_file(self.log) + '[audit]\nenabled = false\n'
        self.agent = bench.enrol('web-01', config)
        self.spool = bench.dir / 'web-01' / 'spool'
        self.told = 0

    def add(self):
        with self.log.open('a') as out:
            for _ in range(LINES):
                out.write(f'{self.told} {os.urandom(WORDS).hex()}\n')
                self.told += 1

    def run(self):
        """Until it has sealed and shipped what it can; it must end well."""
        seen = self.agent.log.stat().st_size if self.agent.log.exists() else 0
        self.agent.start()

        def runs():
            assert self.agent.alive(), f'it ended by itself: {self.agent.tail()}'
            return b'runs as' in self.agent.log.read_bytes()[seen:]

        lab.wait_until('the agent', 30, runs)
        assert self.agent.stop() == 0, self.agent.tail()

    def newest(self, copy):
        return max((self.spool / copy).glob('*.seg'), default=None)


def damage(host, number, count):
    """Seals some batches while nobody takes them, and damages one place of them."""
    copy = ('body', 'body', 'head')[number % 3]
    kind = (flip, zero, cut)[number // 3 % 3]
    path = host.newest(copy)
    before = path.stat().st_size if path else 0
    assert host.bench.collector.stop() == 0, host.bench.collector.tail()
    host.add()
    seal_alone(host)
    path = host.newest(copy)
    data = bytearray(path.read_bytes())
    before = before if before < len(data) else 0
    # The places go through what is new, from its first byte to its last, over all the damages.
    kind(data, before + (len(data) - 1 - before) * number // max(1, count - 1))
    path.write_bytes(data)
    host.bench.start_collector()
    host.run()


def seal_alone(host):
    """The collector is away: killed as soon as the lines are durable."""
    sealed = json.loads((host.bench.dir / 'web-01' / 'status.json').read_text())['records']
    host.agent.start()

    def durable():
        assert host.agent.alive(), host.agent.tail()
        now = json.loads((host.bench.dir / 'web-01' / 'status.json').read_text())
        return now['records'] >= sealed + LINES

    lab.wait_until('the seal', 60, durable)
    host.agent.kill()


def judge(host):
    """(lines that went with a damaged body, gap records)"""
    items = sorted(host.bench.search(f'log: "{host.log}"'), key=lambda item: item['number'])
    found = [json.loads(item['line'])['message'] for item in items]
    wanted = host.log.read_text().splitlines()
    there = set(found)
    assert len(there) == len(found), 'a line is there twice'
    assert found == [line for line in wanted if line in there], 'the order changed'
    gaps = [json.loads(item['line']) for item in host.bench.search('what: gap')]
    assert all(gap['cause'] == 'spool-damaged' for gap in gaps), gaps
    named = {gap['batches']: gap['count'] for gap in gaps}
    missing = len(wanted) - len(found)
    assert sum(named.values()) >= missing, f'{missing} lines are gone, {named} are named'
    return missing, len(named)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--damages', type=int, default=18)
    options = arguments.parse_args()
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        host = Host(bench)
        host.add()
        host.run()
        for number in range(options.damages):
            damage(host, number, options.damages)
        missing, gaps = judge(host)
        assert gaps > 0, 'no damage cost anything: the test damages nothing'
        code, report = bench.audit_live()
        assert code == 3, report
        print(f'{options.damages} damages: {host.told} lines, {missing} in {gaps} named bodies')


if __name__ == '__main__':
    main()
