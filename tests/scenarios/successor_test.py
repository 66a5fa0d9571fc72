#!/usr/bin/env python3
"""The collector's disk is lost, with leaves that were signed; a backup of its CA and an anchor are
left. A successor log is opened from them, and nobody touches a host.

Two agents go on in the new log by themselves, one of them killed in the middle of the change: each
line that was ever written is there once, also those that only the dead log had given receipts for
and those that were sealed while no collector was there. The auditor verifies the new log by itself,
together with what is left of the dead one, and sees that the copy of the dead one has gone back.
"""
import json
import shutil
import sys

import lab

HOSTS = ('web-01', 'db-01')


def identity(bench, host):
    path = bench.dir / host / 'identity.json'
    return json.loads(path.read_text()) if path.exists() else {}


def append(bench, words, lines=40):
    for host in HOSTS:
        with (bench.dir / f'{host}.lines').open('a') as out:
            out.writelines(f'{host} {words} {number}\n' for number in range(lines))


def expected(words, lines=40):
    return {f'{host} {word} {n}' for host in HOSTS for word in words for n in range(lines)}


def found(bench):
    items = bench.search('source: file')
    return sorted(json.loads(item['line'])['message'] for item in items)


def receipted(bench):
    return all(
        now.get('sealed', 0) > 0 and now['sealed'] == now['receipted']
        for now in (bench.status(host) for host in HOSTS)
    )


def lose_the_disk(bench):
    """What is left: the anchor, a backup from some time ago. Returns both."""
    bench.collector.kill()
    checkpoint = bench.dir / 'newest-checkpoint'
    shutil.copy(bench.dir / 'anchor', checkpoint)
    shutil.rmtree(bench.dir / 'collector')
    return checkpoint, bench.dir / 'backup'


def open_successor(bench, checkpoint, backup):
    bench.run(
        *(bench.bin / 'yunjian-collector', 'init', '--data', bench.dir / 'successor'),
        *('--origin', 'lab.example/2', '--anchor', bench.dir / 'anchor-2'),
        *('--name', 'localhost', '--name', '127.0.0.1'),
        *('--successor-of', checkpoint, '--ca-from', backup),
    )
    config = bench.dir / 'collector.toml'
    text = config.read_text().replace(f'{bench.dir}/collector', f'{bench.dir}/successor')
    config.write_text(text.replace(f'{bench.dir}/anchor', f'{bench.dir}/anchor-2'))
    dead = bench.vkey
    data = bench.dir / 'successor'
    bench.vkey = json.loads((data / 'log.json').read_text())['vkey']
    bench.ca = data / 'tls' / 'ca.crt'
    bench.token = (data / 'token').read_text().strip()
    lab.write_secret(bench.dir / 'token', bench.token + '\n')
    bench.start_collector()
    return dead


def kill_in_the_change(bench, agent):
    change = bench.dir / HOSTS[0] / 'succession.json'
    lab.wait_until('the change', 120, lambda: change.exists() or identity(
        bench, HOSTS[0]).get('origin') == 'lab.example/2')
    agent.kill()
    agent.start()


def check_streams(bench):
    """Each agent is in its next incarnation, endorsed by the key that the dead log knew."""
    code, report = bench.audit_live('--state', bench.dir / 'audit')
    assert code == 0, report
    unendorsed = [f['en'] for f in report['findings'] if 'unendorsed' in f['en']]
    for host in HOSTS:
        now = identity(bench, host)
        assert now['incarnation'] == 2 and now['origin'] == 'lab.example/2', now
        assert not any(f"{now['agent']}.2" in text for text in unendorsed), unendorsed
    assert any('goes on for the dead log' in f['en'] for f in report['findings']), report
    # The dead log's collector stream is not here; the agents' are, twice each.
    assert report['counts']['streams'] == 5, report


def check_both_logs(bench, backup, dead):
    code, report = bench.audit_live('--state', bench.dir / 'audit', '--predecessor', backup)
    assert code == 0, report
    own = bench.vkey
    bench.vkey = dead
    code, report = bench.audit('--data', backup, '--state', bench.dir / 'audit')
    assert code == 2 and any('went back' in f['en'] for f in report['findings']), report
    bench.vkey = own


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        append(bench, 'before the backup')
        agents = [bench.enrol(host, lab.one_file(bench.dir / f'{host}.lines')) for host in HOSTS]
        for agent in agents:
            agent.start()
        words = ['before the backup']
        lab.wait_until('the lines', 60, lambda: set(found(bench)) == expected(words))
        bench.collector.stop()
        shutil.copytree(bench.dir / 'collector', bench.dir / 'backup')
        bench.start_collector()
        append(bench, 'only the dead log had it')
        words.append('only the dead log had it')
        lab.wait_until('more', 90, lambda: set(found(bench)) == expected(words))
        lab.wait_until('all receipts', 90, lambda: receipted(bench))
        code, report = bench.audit_live('--state', bench.dir / 'audit')
        assert code == 0, report
        checkpoint, backup = lose_the_disk(bench)
        append(bench, 'while nobody listened')
        words.append('while nobody listened')
        dead = open_successor(bench, checkpoint, backup)
        kill_in_the_change(bench, agents[0])
        append(bench, 'to the new log')
        words.append('to the new log')
        lab.wait_until('every line', 240, lambda: set(found(bench)) >= expected(words))
        lab.wait_until('all receipts', 120, lambda: receipted(bench))
        messages = found(bench)
        assert len(messages) == len(set(messages)), 'a line is there twice'
        check_streams(bench)
        check_both_logs(bench, backup, dead)
        print(f'{len(messages)} lines of {len(HOSTS)} hosts in the successor, each once')


if __name__ == '__main__':
    sys.exit(main())
