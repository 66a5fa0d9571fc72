#!/usr/bin/env python3
"""200 000 lines appended to three files while agent and collector are killed with SIGKILL at
random times, at least 20 times each.

Every line must be found exactly once, in order per file, byte for byte, and the auditor must say
good, live and on the stopped
directory. `kill_test.py [--lines N] [--kills N] [--seed N]`; the seed is printed, so that a run
can be repeated.
"""
import argparse
import json
import pathlib
import random
import sys
import threading
import time

import lab


class Writer(threading.Thread):
    """Appends its lines to one file in pieces that end anywhere, in the middle of lines and
    characters too."""

    def __init__(self, path, lines, seed, pace):
        super().__init__()
        self.path, self.pace, self.random = path, pace, random.Random(seed)
        self.lines = [self.line(number) for number in range(lines)]

    def line(self, number):
        word = self.random.choice(
            ['用户登录', 'Accepted publickey', 'tab\there', 'quote " and \\ back', '']
        )
        return f'{self.path.name} {number:07d} {word} {"x" * self.random.randrange(120)}'

    def run(self):
        data = ('\n'.join(self.lines) + '\n').encode()
        with self.path.open('ab', buffering=0) as out:
            at = 0
            while at < len(data):
                size = self.random.randrange(1, 60000)
                out.write(data[at : at + size])
                at += size
                self.pace(at / len(data))


class Killer:
    """Kills and restarts; both programs start out dead as often as alive, as after a power failure
    of a rack."""

    def __init__(self, bench, agent, seed):
        self.bench, self.agent, self.random = bench, agent, random.Random(seed)
        self.kills = {'agent': 0, 'collector': 0}

    def once(self):
        for name, program in (('agent', self.agent), ('collector', self.bench.collector)):
            if self.random.random() < 0.7 and program.alive():
                program.kill()
                self.kills[name] += 1
        time.sleep(self.random.random() * 0.2)  # how long both are away; not a wait for anything
        for program in (self.bench.collector, self.agent):
            if not program.alive():
                program.start()
        # A moment to live, from "still starting" to "well under way".
        time.sleep(self.random.random() * 1.5)


def found_lines(bench, paths):
    """Per file the messages in order of record number, and the count of records."""
    found = {str(path): [] for path in paths}
    items = []
    for path in paths:
        items += [(item['stream'], item['number'], item) for item in bench.search(f'log: "{path}"')]
    seen = set()
    for stream, number, item in sorted(items, key=lambda entry: entry[:2]):
        assert (stream, number) not in seen, f'record {stream}/{number} came twice'
        seen.add((stream, number))
        record = json.loads(item['line'])
        found[record['log']].append(record['message'])
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--lines', type=int, default=200000)
    arguments.add_argument('--kills', type=int, default=20)
    arguments.add_argument('--suite', default='ed25519-sha256')
    arguments.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10**6))
    options = arguments.parse_args()
    print(f'seed {options.seed}')
    with lab.Lab(lab.bin_directory()) as bench:
        logs = bench.dir / 'logs'
        logs.mkdir()
        bench.init(options.suite)
        bench.start_collector()
        agent = bench.enrol(
            'web-01', f'[journal]\nenabled = false\n[[file]]\npaths = ["{logs}/*.log"]\n'
        )
        agent.start()
        killer = Killer(bench, agent, options.seed)
        paths = [logs / f'{name}.log' for name in 'abc']

        def pace(share):
            # Writers wait for the killer, so that the kills are spread over all of the writing.
            lab.wait_until(
                'the next kill',
                300,
                lambda: share <= min(killer.kills.values()) / options.kills + 0.1,
            )

        writers = [
            Writer(path, options.lines // 3 + (i < options.lines % 3), options.seed + i, pace)
            for i, path in enumerate(paths)
        ]
        for writer in writers:
            writer.start()
        while min(killer.kills.values()) < options.kills:
            killer.once()
        for writer in writers:
            writer.join()
        for program in (bench.collector, agent):
            if not program.alive():
                program.start()
        bench.wait_collector()

        wanted = {str(writer.path): writer.lines for writer in writers}
        total = sum(len(lines) for lines in wanted.values())

        def records():
            status, body = bench.get('/v1/streams')
            assert status == 200, body
            return (
                sum(
                    item['records']
                    for item in json.loads(body)['items']
                    if item['host'] == 'web-01'
                )
                >= total
            )

        lab.wait_until('all lines at the collector', 120, records)
        assert agent.stop() == 0, agent.tail()
        found = found_lines(bench, paths)
        for path, lines in wanted.items():
            assert found[path] == lines, first_difference(path, lines, found[path])
        code, report = bench.audit_live('--state', bench.dir / 'auditor')
        assert code == 0, report
        assert bench.collector.stop() == 0, bench.collector.tail()
        code, report = bench.audit(
            '--data', bench.dir / 'collector', '--state', bench.dir / 'auditor'
        )
        assert code == 0, report
        batches = report['counts']['batches']
        print(
            f'{total} lines, {killer.kills} kills, {batches} batches:'
            ' each line once, in order, verified'
        )


def first_difference(path, wanted, found):
    for number, (left, right) in enumerate(zip(wanted, found)):
        if left != right:
            return f'{path}: line {number} is {right!r}, not {left!r}'
    return f'{path}: {len(found)} lines instead of {len(wanted)}'


if __name__ == '__main__':
    sys.exit(main())
