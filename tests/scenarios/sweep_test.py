#!/usr/bin/env python3
"""Seeded damage to a collector's data directory, each found by the auditor's command line.

Flips, cuts, deletions, swaps and doubled pieces of the evidence files of a directory that real
programs made; each must end in exit 1 or 2 with the damaged object named.
`sweep_test.py [--damages N] [--seed N]`
"""
import argparse
import collections
import concurrent.futures
import os
import random
import shutil
import sys

import lab

EVIDENCE = ('wal', 'tile', 'lists')


def config(log):
    return f'[journal]\nenabled = false\n[usage]\nenabled = false\n[[file]]\npaths = ["{log}"]\n'


def evidence_files(data):
    found = [path for folder in EVIDENCE for path in (data / folder).rglob('*') if path.is_file()]
    return sorted(found) + [data / 'checkpoint']


def names(path, data):
    """What a finding may name: the file, or what its damage hides from view: of the one segment any
    stream and leaf, of a tile the leaf whose hash it holds, of a list the leaf that names it."""
    name = str(path.relative_to(data))
    more = {'wal': ('stream ', 'leaf ', 'leaves '), 'lists': ('leaf ',), 'tile': ('leaf ',),
            'checkpoint': ('leaves ',)}
    return (name, *more[name.split('/')[0]])


def damage(files, chance):
    """Does it; (kind, damaged files) or None when nothing changed."""
    path, other = chance.choice(files), chance.choice(files)
    content = path.read_bytes()
    kind = chance.choice(('flip', 'cut', 'delete', 'swap', 'double'))
    if kind == 'flip':
        bit = chance.randrange(len(content) * 8)
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
    elif kind == 'cut':
        path.write_bytes(content[:chance.randrange(len(content))])
    elif kind == 'delete':
        path.unlink()
    elif kind == 'swap':
        if other.read_bytes() == content:
            return None
        path.write_bytes(other.read_bytes())
        other.write_bytes(content)
        return kind, (path, other)
    else:
        start = chance.randrange(len(content))
        piece = content[start:start + chance.randrange(1, 400)]
        # Behind the last byte of the last segment it would be an unfinished write: a notice.
        to = chance.randrange(len(content))
        path.write_bytes(content[:to] + piece + content[to:])
    return kind, (path,)


class Ward:
    """One worker's copy of the directory, damaged and restored again and again."""

    def __init__(self, bench, number):
        self.bench, self.data = bench, bench.dir / f'copy-{number}'
        shutil.copytree(bench.dir / 'collector', self.data)
        self.files = evidence_files(self.data)
        self.contents = {path: path.read_bytes() for path in self.files}

    def treat(self, seed):
        done = damage(self.files, random.Random(seed))
        if done is None:
            return None
        kind, paths = done
        code, report = self.bench.audit('--data', self.data, '--state', self.bench.dir / 'state')
        for path in paths:
            path.write_bytes(self.contents[path])
        places = [finding['place'] for finding in report.get('findings', ())
                  if finding['kind'] in ('tampered', 'missing')]
        wanted = [name for path in paths for name in names(path, self.data)]
        good = code in (1, 2) and any(name in place for place in places for name in wanted)
        return kind, '' if good else f'seed {seed}: {kind} {paths}: exit {code}, {places}'


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--damages', type=int, default=150)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        log.write_text(''.join(f'line {n} {os.urandom(400).hex()}\n' for n in range(3000)))
        agent = bench.enrol('web-01', config(log))
        agent.start()
        lab.wait_until('the lines', 60, lambda: len(bench.search(f'log: "{log}"')) == 3000)
        agent.stop()
        bench.collector.stop()
        checked = '--data', bench.dir / 'collector', '--state', bench.dir / 'state'
        assert bench.audit(*checked)[0] == 0
        assert len(list((bench.dir / 'collector' / 'wal').iterdir())) == 1
        size = sum(path.stat().st_size for path in evidence_files(bench.dir / 'collector'))
        assert size >= 1 << 20, size
        workers = 2
        wards = [Ward(bench, number) for number in range(workers)]
        kinds, missed = collections.Counter(), []

        def work(number):
            return [wards[number].treat(seed) for seed in
                    range(options.seed + number, options.seed + options.damages, workers)]

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for outcome in (each for part in pool.map(work, range(workers)) for each in part):
                if outcome:
                    kinds[outcome[0]] += 1
                    missed += [outcome[1]] if outcome[1] else []
        assert not missed, '\n'.join(missed[:10])
        print(f'{sum(kinds.values())} damages to {size} bytes, each reported with its object: '
              + ', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items())))


if __name__ == '__main__':
    sys.exit(main())
