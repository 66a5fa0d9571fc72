#!/usr/bin/env python3
"""A part of a collector is damaged on the disk: one byte, in each kind of its frames in turn.

Searches go on and say in `scanned.damaged` that something cannot be read; they never give a record
that was not sealed. `verify --repair` keeps what is damaged in the quarantine and makes the part
anew: what follows from the bodies (index, columns, filters) comes back, and the answers are those
from before. Where a body itself is gone the answers go on saying so, and the auditor names what is
missing. With a backup everything is back.
"""
import hashlib
import json
import shutil
import struct
import sys
import urllib.parse

import lab

LINES = 30000
HEAD = 24  # bytes of a part before its frames
TRAILER = 32
KINDS = {1: 'lines', 2: 'headers', 3: 'filters', 4: 'lane index', 5: 'streams', 6: 'leaf map',
         7: 'leaves', 9: 'footer'}  # frames of a part, ledger/archive/README.md
FROM_BODIES = ('filters', 'lane index', 'streams', 'leaf map')  # follow from the rest of the part
QUESTIONS = (
    ('search', {'q': 'message: "session 00077"', 'limit': 1000}),
    ('search', {'q': 'log: * and user13 and not root', 'limit': 1000, 'order': 'asc'}),
    ('search', {'q': 'message: /closed .*99$/', 'limit': 1000}),
    ('search', {'q': 'actor.user.name: user5', 'limit': 500}),
    ('hits', {'q': 'log: *', 'field': 'class_uid'}),
    ('facets', {'q': 'log: *', 'fields': 'host,process.name,actor.user.name'}),
)


def write_log(path):
    """sshd as a syslog daemon writes it; the hashes do not compress, so that there are parts."""
    with path.open('w') as out:
        for n in range(LINES):
            salt = hashlib.sha256(str(n).encode()).hexdigest()
            out.write(
                f'Nov 22 08:{n // 60 % 60:02d}:{n % 60:02d} web-01 sshd[{n % 7}]: Accepted '
                f'password for user{n % 97} from 10.20.0.{n % 9} port {n} ssh2 '
                f'session {n % 1000:05d} {salt} closed {n % 100}\n'
            )


def ask(bench):
    """The answers without what they looked at, and how much was told as damaged."""
    answers, damaged = [], 0
    for name, parameters in QUESTIONS:
        status, body = bench.get(f'/v1/{name}?{urllib.parse.urlencode(parameters)}')
        assert status == 200, body
        answer = json.loads(body)
        damaged += answer.pop('scanned')['damaged']
        answer.pop('cursor', None)
        answers.append(answer)
    return answers, damaged


def records(answers):
    """(stream, number) -> line, of all searches."""
    found = {}
    for answer in answers:
        for item in answer['items']:
            if 'line' in item:
                found[(item['stream'], item['number'])] = item['line']
    return found


def put_back(bench, copy):
    shutil.rmtree(bench.dir / 'collector')
    shutil.copytree(copy, bench.dir / 'collector')
    shutil.copy(copy / 'checkpoint', bench.dir / 'anchor')  # all that was signed then


def frames(part):
    """(kind, offset of the payload, its length) of each frame of a part."""
    data, at = part.read_bytes(), HEAD
    while at + 16 <= len(data) - TRAILER:
        length, kind = struct.unpack_from('>IB', data, at)
        yield KINDS.get(kind, kind), at + 8, length
        at += 8 + (length + 7) // 8 * 8 + 8


def places(part):
    """Where it hurts: the first frame of each kind, and three places of the lines."""
    chosen = {}
    for kind, at, length in frames(part):
        more = [at + length // 10, at + length - 3] if kind == 'lines' else []
        chosen.setdefault(kind, [at + length // 2, *more])
    return [(kind, at) for kind, offsets in chosen.items() for at in offsets]


def damage(part, at):
    data = bytearray(part.read_bytes())
    data[at] ^= 0xFF
    part.write_bytes(data)


def repair(bench, *more):
    done = bench.run(
        *(bench.bin / 'yunjian-collector', 'verify', '--repair', *more),
        *('--config', bench.dir / 'collector.toml'),
    )
    return done


def served(bench):
    """The answers of a collector on what lies there now."""
    bench.start_collector()
    answers = ask(bench)
    assert bench.collector.stop() == 0, bench.collector.tail()
    return answers


def check_hurt(bench, before, where):
    """What a collector answers that has a damaged part; it may refuse to start, if it says why."""
    bench.collector.start()
    started = lab.wait_until('a start or its end', 60, lambda: state_of(bench))
    if started == 'ended':
        assert where.split()[0] in bench.collector.tail(), bench.collector.tail()
        return
    hurt, told = ask(bench)
    assert bench.collector.stop() == 0, bench.collector.tail()
    true_lines = set(records(before).values())
    limited = set(records(hurt).values()) - true_lines
    assert not limited or told > 0, f'{where}: other records, and nobody says that it is damaged'
    assert told > 0 or hurt == before, f'{where}: other answers, and nobody says why'


def state_of(bench):
    if not bench.collector.alive():
        return 'ended'
    try:
        return 'serving' if bench.get('/healthz')[0] == 200 else None
    except OSError:
        return None


def largest_part(bench):
    parts = (bench.dir / 'collector' / 'parts').glob('*.part')
    return max(parts, key=lambda part: part.stat().st_size)


def one_place(bench, whole, before, place):
    """True when all came back without a backup."""
    kind, at = place
    put_back(bench, whole)
    part = largest_part(bench)
    damage(part, at)
    where = f'{part.name} at {at} ({kind})'
    check_hurt(bench, before, where)
    said = repair(bench)
    assert list((bench.dir / 'collector' / 'quarantine').glob(f'*{part.name}*')), (where, said)
    mended, told = served(bench)
    code, report = bench.audit('--data', bench.dir / 'collector')
    if told == 0:
        assert mended == before, f'{where}: {said}'
        assert code == 0, (where, report)
        return True
    assert kind not in FROM_BODIES, f'{where}: lost though the bodies are there: {said}'
    assert code == 2, (where, code, report)  # something is missing, and nothing else is wrong
    assert (bench.dir / 'collector' / 'quarantine' / 'losses').read_bytes(), where
    put_back(bench, whole)
    damage(part, at)
    repair(bench, '--from', whole)
    again, told = served(bench)
    assert told == 0 and again == before, f'{where}: not back from the backup'
    code, report = bench.audit('--data', bench.dir / 'collector')
    assert code == 0, (where, report)
    return False


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'auth.log'
        write_log(log)
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        lab.wait_until('all lines', 120, lambda: count(bench) == LINES)
        assert agent.stop() == 0, agent.tail()
        first = bench.dir / 'collector/wal/0000000000000000.seg'
        lab.wait_until('parts instead of the WAL', 120, lambda: not first.exists())
        assert bench.collector.stop() == 0, bench.collector.tail()
        before, told = served(bench)
        assert told == 0 and len(records(before)) > 500, len(records(before))
        whole = bench.dir / 'whole'
        shutil.copytree(bench.dir / 'collector', whole)
        chosen = places(largest_part(bench))
        outcomes = {place: one_place(bench, whole, before, place) for place in chosen}
        kinds = {kind for kind, _ in chosen}
        assert kinds.issuperset(FROM_BODIES) and 'footer' in kinds, kinds
        lost = sorted({kind for (kind, _), back in outcomes.items() if not back})
        assert 'lines' in lost, 'no place was in a body'
        print(f'{len(chosen)} places: {sum(outcomes.values())} mended from the bodies, those in '
              f'{" and ".join(lost)} from a backup')


def count(bench):
    status, body = bench.get('/v1/hits?q=log:%20*')
    assert status == 200, body
    return sum(item['records'] for item in json.loads(body)['items'])


if __name__ == '__main__':
    sys.exit(main())
