#!/usr/bin/env python3
"""Numbered lines through every way of rotating a log, at 10 000 lines a second, while the agent is
killed and stopped again and again.

What the way of rotating keeps must be found exactly once and in order. What it destroys (emptied or
deleted before anybody could read it) must be named by a gap record whose offset is the first byte
that was not read. `rotate_test.py [--seconds N] [--rate N] [--seed N] [SCHEME…]`; the seed is
printed.
"""
import argparse
import gzip
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

import lab

LOGROTATE = shutil.which('logrotate') or '/usr/sbin/logrotate'


class Scheme(threading.Thread):
    """Writes numbered lines to one log and rotates it; a subclass says how."""

    keeps = True  # nothing is destroyed by the scheme itself
    traces = True  # each file of it, copied or compressed, shows that there was one

    def __init__(self, logs, rate, seconds, seed):
        super().__init__()
        self.name = type(self).__name__.lower()
        self.directory = logs / self.name
        self.directory.mkdir()
        self.path = self.directory / 'app.log'
        self.rate, self.seconds, self.random = rate, seconds, random.Random(seed)
        self.generations = [[]]  # the lines of each file, or of each filling of one
        self.count = 0
        self.failure = None

    def rotated(self, number):
        return self.directory / f'app.log.{number}'

    def shift(self):
        """app.log.1 becomes app.log.2 and so on, as logrotate does it."""
        count = len(self.generations)
        for number in range(count, 0, -1):
            for end in ('', '.gz'):
                old = self.directory / f'app.log.{number}{end}'
                if old.exists():
                    old.rename(self.directory / f'app.log.{number + 1}{end}')

    def write(self, lines):
        for _ in range(lines):
            line = f'{self.name} {self.count:08d} {"x" * self.random.randrange(60)}'
            self.generations[-1].append(line)
            self.out.write(line + '\n')
            self.count += 1
        self.out.flush()

    def open(self):
        self.out = self.path.open('a', buffering=1 << 20)

    def run(self):
        try:
            self.work()
        except Exception as problem:  # told by the main thread
            self.failure = problem

    def work(self):
        self.open()
        start = time.monotonic()
        due = start + 1 + self.random.random()
        while (now := time.monotonic()) < start + self.seconds:
            self.write(max(0, int((now - start) * self.rate) - self.count))
            if now >= due:
                self.rotate()
                due = now + 0.4 + self.random.random()
            time.sleep(0.01)  # the pace of the writer
        self.write(1)
        self.out.close()

    def begin_file(self):
        self.out.close()
        self.generations.append([])
        self.open()


class Create(Scheme):
    """rename, go on in the old file for a while, open a new one."""

    def rotate(self):
        self.shift()
        self.path.rename(self.rotated(1))
        self.write(20)
        time.sleep(self.random.random() * 0.05)
        self.write(20)
        self.begin_file()


class Dated(Scheme):
    """rename to a name with a number of its own, as dateext does."""

    def rotate(self):
        self.path.rename(self.directory / f'app.log-{20261100 + len(self.generations)}')
        self.begin_file()


class Copied(Scheme):
    """copytruncate while the writer waits: the copy holds everything."""

    def rotate(self):
        self.shift()
        shutil.copyfile(self.path, self.rotated(1))
        os.truncate(self.path, 0)
        self.generations.append([])


class Gzipped(Scheme):
    """rename and compress at once: what nobody read by then is out of reach."""

    keeps = False

    def rotate(self):
        self.shift()
        self.path.rename(self.rotated(1))
        self.begin_file()
        time.sleep(self.random.random() * 0.3)
        with self.rotated(1).open('rb') as plain, gzip.open(f'{self.rotated(1)}.gz', 'wb') as out:
            shutil.copyfileobj(plain, out)
        self.rotated(1).unlink()


class CopiedBusy(Scheme):
    """copytruncate while the writer goes on: what it writes behind the copy is destroyed."""

    keeps = False

    def rotate(self):
        self.shift()
        shutil.copyfile(self.path, self.rotated(1))
        self.write(20)
        os.truncate(self.path, 0)
        self.generations.append([])


class Deleted(Scheme):
    """delete while it is open, go on in it, then open a new one."""

    keeps = traces = False

    def rotate(self):
        self.path.unlink()
        self.write(20)
        self.begin_file()


class Emptied(Scheme):
    """the same file emptied without a copy."""

    keeps = traces = False

    def rotate(self):
        os.truncate(self.path, 0)
        self.generations.append([])


class Logrotate(Scheme):
    """Debian's logrotate with `create`."""

    options = 'create'

    def rotate(self):
        config = self.directory.parent / f'{self.name}.conf'
        config.write_text(
            f'{self.path} {{\n su root root\n rotate 1000\n missingok\n {self.options}\n}}\n'
            if os.geteuid() == 0
            else f'{self.path} {{\n rotate 1000\n missingok\n {self.options}\n}}\n'
        )
        subprocess.run(
            [LOGROTATE, '--force', '--state', f'{config}.state', config],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.begin_file()


class LogrotateCopy(Logrotate):
    """Debian's logrotate with `copytruncate`, the writer waiting."""

    options = 'copytruncate'


class LogrotateLater(Logrotate):
    """Debian's logrotate with `compress` and `delaycompress`."""

    options = 'create\n compress\n delaycompress'
    keeps = False  # an agent that is away over two rotations finds the older one compressed


SCHEMES = (Create, Dated, Copied, CopiedBusy, Gzipped, Deleted, Emptied)
if pathlib.Path(LOGROTATE).exists():
    SCHEMES += (Logrotate, LogrotateCopy, LogrotateLater)
else:
    print('SKIPPED: the schemes of logrotate, which is not installed')


def begun(agent):
    """How many times the agent began to run."""
    return agent.log.read_text(errors='replace').count('runs as')


def annoy(agent, chance, until):
    """Kills and stops the agent; returns how often."""
    count = before = 0
    while time.monotonic() < until:
        time.sleep(0.2 + chance.random() * 1.5)  # how long it lives
        if chance.random() < 0.7:
            agent.kill()
        else:
            # SIGTERM to a program that has not begun ends it as SIGKILL does.
            lab.wait_until('the agent', 60, lambda: begun(agent) > before)
            code = agent.stop()
            assert code == 0, f'ended with {code}: {agent.tail()}'
        time.sleep(chance.random() * 1.0)  # how long it is away
        before = begun(agent)
        agent.start()
        count += 1
    return count


def records(bench, query):
    items = sorted(bench.search(query), key=lambda item: item['number'])
    return [json.loads(item['line']) for item in items]


def judge(scheme, found, gaps):
    """Asserts what a user would lose; returns the count of lines that the scheme destroyed."""
    written = [line for lines in scheme.generations for line in lines]
    numbers = {line: number for number, line in enumerate(written)}
    strangers = [line for line in found if line not in numbers]
    assert not strangers, f'{scheme.name}: was never written: {strangers[0]!r}'
    assert len(set(found)) == len(found), f'{scheme.name}: {doubled(found)} came twice'
    order = [numbers[line] for line in found]
    missing = len(written) - len(found)
    if scheme.keeps:
        assert missing == 0, f'{scheme.name}: {missing} lost, first {first_lost(written, found)!r}'
    back = [i for i in range(1, len(order)) if order[i] < order[i - 1]]
    assert not back, f'{scheme.name}: {order[back[0]]} comes behind {order[back[0] - 1]}'
    if scheme.keeps:
        return 0
    have, offsets = set(found), {gap.get('offset') for gap in gaps}
    named = sum(files_of(gap) for gap in gaps)
    seen = 0  # bytes read of the newest file of which anything was
    whole = [sum(len(line) + 1 for line in lines) for lines in scheme.generations]
    for number, lines in enumerate(scheme.generations):
        sizes = [len(line) + 1 for line in lines]
        read = sum(itertools.takewhile(bool, (n * (l in have) for n, l in zip(sizes, lines))))
        seen = read or seen
        named -= read < sum(sizes)
        # Of a file that came and went unseen nothing is known but that the one before it ended, or
        # a later one that was read before the copy was made; of one that was found and not read,
        # that nothing was.
        unread = read == 0 and not offsets.isdisjoint([0, *whole[number + 1 :]])
        assert read == sum(sizes) or seen in offsets or unread, (
            f'{scheme.name}: file {number}: {sum(sizes) - read} bytes are lost behind {seen} and no'
            f' gap record says so; offsets {sorted(o for o in offsets if o is not None)}'
        )
    assert named >= 0 or not scheme.traces, (
        f'{scheme.name}: {-named} files with losses have no gap record of their own'
    )
    for gap in gaps:
        assert gap.get('bytes', 0) <= max(
            sum(len(line) + 1 for line in lines) for lines in scheme.generations
        ), gap
    return missing


def files_of(gap):
    """How many files a gap record speaks of."""
    return int(gap['detail'].split()[0]) if gap['cause'] == 'compressed-unread' else 1


def doubled(lines):
    seen = set()
    return next(line for line in lines if line in seen or seen.add(line))


def first_lost(written, found):
    have = set(found)
    return next(line for line in written if line not in have)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--seconds', type=float, default=12)
    arguments.add_argument('--rate', type=int, default=10000)
    arguments.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10**6))
    arguments.add_argument('scheme', nargs='*')
    options = arguments.parse_args()
    wanted = [s for s in SCHEMES if not options.scheme or s.__name__.lower() in options.scheme]
    print(f'seed {options.seed}')
    with lab.Lab(lab.bin_directory()) as bench:
        logs = bench.dir / 'logs'
        logs.mkdir()
        bench.init()
        bench.start_collector()
        agent = bench.enrol(
            'web-01',
            '[journal]\nenabled = false\n[audit]\nenabled = false\n[usage]\nenabled = false\n'
            f'[[file]]\npaths = ["{logs}/*/app.log"]\n',
        )
        schemes = [
            scheme(logs, options.rate // len(wanted), options.seconds, options.seed + number)
            for number, scheme in enumerate(wanted)
        ]
        for scheme in schemes:
            scheme.path.touch()
        agent.start()
        # What is rotated before an agent's very first look is none of its business.
        lab.wait_until('the first batch', 60, lambda: bench.status().get('sealed'))
        for scheme in schemes:
            scheme.start()
        chance = random.Random(options.seed)
        kills = annoy(agent, chance, time.monotonic() + options.seconds)
        for scheme in schemes:
            scheme.join()
            assert scheme.failure is None, f'{scheme.name}: {scheme.failure!r}'
        last = {scheme.name: scheme.generations[-1][-1].split()[1] for scheme in schemes}
        for scheme in schemes:
            lab.wait_until(
                f'the last line of {scheme.name}',
                120,
                lambda: bench.search(f'"{scheme.name} {last[scheme.name]}"'),
            )
        assert agent.stop() == 0, agent.tail()
        total = destroyed = 0
        for scheme in schemes:
            here = records(bench, f'log: "{scheme.path}"')
            found = [record['message'] for record in here if record['kind'] == 'event']
            gaps = [record for record in here if record.get('what') == 'gap']
            lost = judge(scheme, found, gaps)
            total += scheme.count
            destroyed += lost
            print(
                f'{scheme.name}: {scheme.count} lines, {len(scheme.generations)} files,'
                f' {lost} destroyed by the scheme, {len(gaps)} gap records'
            )
        code, report = bench.audit_live('--state', bench.dir / 'auditor')
        assert code == 0, report
        print(f'{total} lines, {kills} kills and stops, {destroyed} destroyed and named')


if __name__ == '__main__':
    sys.exit(main())
