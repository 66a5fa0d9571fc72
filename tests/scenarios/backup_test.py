#!/usr/bin/env python3
"""The restore drill. Copies are made while records come in; each of them is a log that the auditor
finds good and that a collector can go on from, with a beginning of what the hosts sealed.

Then the data directory is lost. The newest copy is older than what was signed: the collector
refuses it because of the anchor, an auditor with earlier state says what is missing, and a
successor of the log, with the CA of the copy, takes the host's next records.
"""
import hashlib
import json
import shutil
import subprocess
import sys
import time
import threading

import lab

LINES = 40000
LINE = '{:08d} session opened for user u{} by (uid=0) from 10.1.{}.{} id {}'


def append(log, first, count):
    with log.open('a') as out:
        for i in range(first, first + count):
            # What does not compress makes the WAL long enough to become parts.
            session = hashlib.sha256(str(i).encode()).hexdigest()
            out.write(LINE.format(i, i % 97, i % 251, i % 13, session) + '\n')


def numbers(bench, log):
    return [int(json.loads(item['line'])['message'][:8]) for item in bench.search(f'log: "{log}"')]


def copy(bench):
    """Makes a copy; (its directory, bytes that were new)."""
    done = subprocess.run(
        [bench.bin / 'yunjian-collector', 'backup', '--to', bench.dir / 'backups', '--config',
         bench.dir / 'collector.toml'], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    path = bench.dir / 'backups' / done.stdout.strip().rpartition('/')[2]
    assert str(path) == done.stdout.strip(), done.stdout
    bench.run('sh', '-c', f'cd {path} && sha256sum --quiet -c SHA256SUMS')
    made = int(time.time())  # copies are named by the second
    lab.wait_until('the next second', 5, lambda: int(time.time()) > made)
    return path, int(done.stderr.rsplit(' files of ', 1)[1].split()[0])


def goes_on(bench, path, log):
    """A collector on the copy, with an anchor that fits, has a beginning of the records."""
    with lab.Lab(bench.bin, bench.dir / f'at-{path.name}') as there:
        shutil.copytree(path, there.dir / 'collector')
        shutil.copy(path / 'checkpoint', there.dir / 'anchor')
        text = (bench.dir / 'collector.toml').read_text()
        for ours, theirs in ((bench.dir, there.dir), (bench.ingest_port, there.ingest_port),
                             (bench.api_port, there.api_port)):
            text = text.replace(str(ours), str(theirs))
        (there.dir / 'collector.toml').write_text(text)
        there.vkey, there.token = bench.vkey, bench.token
        there.ca = there.dir / 'collector' / 'tls' / 'ca.crt'
        lab.write_secret(there.dir / 'token', bench.token + '\n')
        there.start_collector()
        found = numbers(there, log)
        assert found == list(range(len(found))), path
        code, report = there.audit_live()
        assert code == 0, report
        assert there.collector.stop() == 0, there.collector.tail()
        return len(found)


def copies_while_records_come(bench, log):
    """All copies with how many records each has."""
    writer = threading.Thread(
        target=lambda: [append(log, i, 500) for i in range(LINES // 2, LINES, 500)])
    writer.start()
    made = [copy(bench) for _ in range(3)]
    writer.join()
    lab.wait_until('all records', 120, lambda: len(numbers(bench, log)) == LINES)
    first = bench.dir / 'collector/wal/0000000000000000.seg'
    lab.wait_until('parts instead of the WAL', 60, lambda: not first.exists())
    made.append(copy(bench))
    made.append(copy(bench))
    assert made[-1][1] < made[0][1] / 2, made  # hardly anything is new
    parts = sorted((made[-1][0] / 'parts').glob('*.part'))
    assert parts and all(part.stat().st_nlink > 1 for part in parts), parts
    records = []
    for path, _ in made:
        code, report = bench.audit('--data', path)
        assert code == 0, (path, report)
        records.append(goes_on(bench, path, log))
    assert records == sorted(records) and records[0] >= LINES // 2, records
    assert records[-1] == LINES, records
    return made[-1][0], records


def refused(bench, path):
    """The data is lost; the copy is put in its place, and the anchor knows better."""
    shutil.rmtree(bench.dir / 'collector')
    shutil.copytree(path, bench.dir / 'collector')
    bench.collector.start()
    lab.wait_until('the refusal', 60, lambda: not bench.collector.alive())
    assert bench.collector.process.returncode == 1
    assert 'leaves that were signed are lost' in bench.collector.tail(), bench.collector.tail()
    code, report = bench.audit('--data', path, '--state', bench.dir / 'audit')
    assert code == 2, report  # missing: the auditor has seen more


def successor(bench, path, agent, log):
    """A new log by the same CA; the host is enrolled anew and goes on."""
    (bench.dir / 'collector').rename(bench.dir / 'dead')
    (bench.dir / 'anchor').rename(bench.dir / 'dead-anchor')
    bench.run(
        bench.bin / 'yunjian-collector', 'init', '--data', bench.dir / 'collector', '--anchor',
        bench.dir / 'anchor', '--origin', 'next.lab.example', '--name', 'localhost', '--name',
        '127.0.0.1', '--successor-of', bench.dir / 'dead-anchor', '--ca-from', path)
    bench.vkey = json.loads((bench.dir / 'collector' / 'log.json').read_text())['vkey']
    bench.token = (bench.dir / 'collector' / 'token').read_text().strip()
    lab.write_secret(bench.dir / 'token', bench.token + '\n')
    bench.collect('unit', 'import', bench.dir / 'units.csv')
    bench.start_collector()
    bench.enrol_again('web-01')
    append(log, LINES, 100)
    agent.start()
    lab.wait_until('the next records', 90,
                   lambda: set(range(LINES, LINES + 100)) <= set(numbers(bench, log)))
    code, report = bench.audit_live()
    assert code == 0, report


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        append(log, 0, LINES // 2)
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        lab.wait_until('records', 120, lambda: len(numbers(bench, log)) == LINES // 2)
        path, records = copies_while_records_come(bench, log)
        append(log, LINES, 1)
        lab.wait_until('one more', 60, lambda: len(numbers(bench, log)) == LINES + 1)
        code, report = bench.audit_live('--state', bench.dir / 'audit')
        assert code == 0, report
        assert agent.stop() == 0, agent.tail()
        bench.collector.kill()
        refused(bench, path)
        successor(bench, path, agent, log)
        print(f'copies of {records} records; the anchor refused the last, a successor goes on')


if __name__ == '__main__':
    sys.exit(main())
