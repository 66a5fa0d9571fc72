#!/usr/bin/env python3
"""A collector that is witnessed, and what its operator can try.

The authority makes a witness key and an endorsing key, witnesses the log, endorses the enrolments,
takes an export home and proves a record; a retired host leaves the rosters. Then the operator
restores a backup, and grows a second history from it: both are told as what they are, with a file
that proves the split view to somebody who has the log's key only.
`witness_test.py [--suite S]`
"""
import argparse
import json
import shutil
import subprocess
import sys

import lab


def config(log):
    return f'[journal]\nenabled = false\n[usage]\nenabled = false\n[[file]]\npaths = ["{log}"]\n'


def audit(bench, *arguments, code=0):
    """Standard output of yunjian-audit, which must end with `code`."""
    done = subprocess.run([str(bench.bin / 'yunjian-audit'), *map(str, arguments)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


class Bench(lab.Lab):
    def live(self):
        return ('--collector', self.url, '--ca', self.ca, '--token-file', self.dir / 'token',
                '--vkey', self.vkey)

    def make_keys(self, suite):
        self.witness_vkey, self.authority_vkey = (
            audit(self, 'key', '--out', self.dir / f'{kind}.key', '--kind', kind, '--suite', suite,
                  '--name', f'{kind}.example').strip() for kind in ('witness', 'authority'))
        with (self.dir / 'collector.toml').open('a') as out:
            out.write(f'[witness]\nkeys = ["{self.witness_vkey}"]\n'
                      f'authorities = ["{self.authority_vkey}"]\n')

    def witness(self, code=0):
        out = audit(self, 'witness', *self.live(), '--key', self.dir / 'witness.key', '--state',
                    self.dir / 'witness', '--json', code=code)
        return json.loads(out)

    def keys(self):
        return '--witness-vkey', self.witness_vkey, '--authority-vkey', self.authority_vkey

    def size(self):
        return int(self.get('/checkpoint')[1].split(b'\n')[1])


def check_witness(bench):
    first = bench.witness()
    assert first['cosigned'] and first['told'], first
    status, note = bench.get('/v1/log/witnessed')
    assert status == 200 and b'witness.example' in note, note
    code, report = bench.audit_live(*bench.keys())
    assert code == 0 and report['levels'][0]['count'] == 2, report
    again = bench.witness()
    assert not again['cosigned'] and 'alarm' not in again, again


def check_service(bench):
    """The same as a service, with a state of its own: it signs, goes on, ends well on SIGTERM."""
    (bench.dir / 'logs').write_text(f'{bench.url} {bench.ca} {bench.dir}/token {bench.vkey}\n')
    service = bench.add('witness-service', [
        bench.bin / 'yunjian-audit', 'witness', '--logs', bench.dir / 'logs', '--key',
        bench.dir / 'witness.key', '--state', bench.dir / 'service', '--interval', '1', '--json'])
    service.start()
    lab.wait_until('two rounds', 30, lambda: service.log.read_text().count('\n') >= 2)
    rounds = [json.loads(line) for line in service.log.read_text().splitlines()]
    assert rounds[0]['cosigned'] and rounds[0]['told'] and 'alarm' not in rounds[1], rounds
    assert service.stop() == 0, service.tail()


def check_several(bench):
    """A log whose token is gone and a line that says nothing stop neither of the others."""
    with Bench(bench.bin) as other:
        other.init(bench.suite, 'other.example')
        other.start_collector()
        lines = [f'{log.url} {log.ca} {log.dir}/token {log.vkey}' for log in (bench, other)]
        logs = bench.dir / 'several'
        run = ('witness', '--logs', logs, '--key', bench.dir / 'witness.key', '--state',
               bench.dir / 'several-state', '--json')
        logs.write_text(f'{lines[0]}\n# both are good\n{lines[1]}\n')
        told = [json.loads(line) for line in audit(bench, *run, code=4).splitlines()]
        assert [each['cosigned'] for each in told] == [True, True], told
        assert [each['told'] for each in told] == [True, False], told  # it knows no such witness
        broken = lines[0].replace(f'{bench.dir}/token', f'{bench.dir}/no-token')
        assert broken != lines[0]
        for bad, code in ((f'{broken}\n', 64), ('one word\n', 64),
                          (lines[0].replace(bench.url, 'https://127.0.0.1:1') + '\n', 4)):
            logs.write_text(f'{bad}{lines[1]}\n')
            out = [json.loads(line) for line in audit(bench, *run, code=code).splitlines()]
            assert out[-1]['size'] == told[1]['size'] and 'alarm' not in out[-1], (bad, out)


def check_endorsement(bench):
    listed = audit(bench, 'endorse', *bench.live(), '--key', bench.dir / 'authority.key')
    assert 'web-01' in listed, listed
    audit(bench, 'endorse', *bench.live(), '--key', bench.dir / 'authority.key', '--all')
    assert not audit(bench, 'endorse', *bench.live(), '--key', bench.dir / 'authority.key')
    code, report = bench.audit_live(*bench.keys())
    assert code == 0 and report['counts']['unendorsed'] == 0, report
    assert report['counts']['endorsements'] == 3, report
    code, report = bench.audit_live()
    assert code == 0 and report['counts']['unendorsed'] == 3, report


def check_rosters(bench):
    code, report = bench.audit_live()
    assert code == 0 and report['counts']['rosters'] >= 1, report
    lists = [bench.get(f'/v1/log/lists/{leaf}') for leaf in range(bench.size())]
    lines = [body.decode() for status, body in lists if status == 200]
    assert lines and all(line.endswith((' live', ' silent'))
                         for each in lines for line in each.splitlines()), lines


def check_export(bench, log):
    path = bench.dir / 'export'
    audit(bench, 'export', *bench.live(), '--host', 'web-01', '--from', '2020-01-01', '--to',
          '2100-01-01', '--out', path, code=4)
    lines = bench.dir / 'lines'
    out = json.loads(audit(bench, 'verify', '--export', path, '--vkey', bench.vkey, '--lines',
                           lines, '--json', code=4))
    # Nobody can show that nothing will come until 2100; all that is there is good.
    assert out['bodies_absent'] == 0 and out['open'] == 1, out
    assert [each['kind'] for each in out['findings']] == ['cannot tell'], out
    texts = [json.loads(line).get('message') for line in lines.read_text().splitlines()]
    assert [t for t in texts if t and t.startswith('line ')] == [f'line {n}' for n in range(40)]
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (bench.dir / 'damaged').write_bytes(damaged)
    audit(bench, 'verify', '--export', bench.dir / 'damaged', '--vkey', bench.vkey, code=1)
    item = bench.search(f'log: "{log}"')[5]
    status, proof = bench.get(f"/v1/records/{item['stream']}/{item['number']}/proof")
    assert status == 200, proof
    (bench.dir / 'proof').write_bytes(proof)
    audit(bench, 'verify', '--proof', bench.dir / 'proof', '--vkey', bench.vkey)


def check_resume(bench):
    state = bench.dir / 'state'
    assert bench.audit_live('--state', state)[0] == 0
    code, report = bench.audit_live('--state', state, '--resume')
    assert code == 0 and report['resumed_at'] > 0, report
    whole = bench.audit_live('--state', state)[1]
    for name in ('streams', 'enrolments', 'batches', 'records'):
        assert report['counts'][name] <= whole['counts'][name], (name, report, whole)


def check_operator(bench):
    """A backup restored, then a second history grown from it."""
    backup = bench.dir / 'backup'
    bench.collector.stop()
    shutil.copytree(bench.dir / 'collector', backup)
    anchor = (bench.dir / 'anchor').read_bytes()
    bench.start_collector()
    for _ in range(3):
        bench.collect('token', 'create', '--role', 'authority', '--name', 'someone')
    bench.collector.stop()
    bench.start_collector()
    assert bench.witness()['cosigned']
    state = bench.dir / 'state'
    assert bench.audit_live('--state', state)[0] == 0
    size = bench.size()
    bench.collector.stop()
    shutil.rmtree(bench.dir / 'collector')
    shutil.copytree(backup, bench.dir / 'collector')
    (bench.dir / 'anchor').write_bytes(anchor)
    bench.start_collector()
    assert bench.size() < size, (bench.size(), size)
    back = bench.witness(code=2)
    assert 'went back' in back['en'] and back['evidence'], back
    assert bench.audit_live('--state', state)[0] == 2
    while bench.size() <= size:
        bench.collector.stop()
        bench.collect('token', 'create', '--role', 'authority', '--name', 'another')
        bench.start_collector()
    split = bench.witness(code=1)
    assert 'split view' in split['en'], split
    audit(bench, 'verify', '--alarm', split['evidence'], '--vkey', bench.vkey, code=1)
    audit(bench, 'verify', '--alarm', back['evidence'], '--vkey', bench.vkey, code=4)
    told = audit(bench, 'verify', '--alarm', back['evidence'], '--vkey', bench.vkey,
                 '--witness-vkey', bench.witness_vkey, code=2)
    assert 'roll-back' in told, told
    told = json.loads(audit(bench, 'verify', '--alarm', split['evidence'], '--vkey', bench.vkey,
                            '--json', code=1))
    assert told['kind'] == 'split-view' and told['exit'] == 1 and told['zh'] and told['en'], told
    assert bench.audit_live('--state', state)[0] == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--suite', default='ed25519-sha256')
    suite = parser.parse_args().suite
    with Bench(lab.bin_directory()) as bench:
        bench.suite = suite
        bench.init(suite)
        bench.make_keys(suite)
        bench.start_collector()
        log = bench.dir / 'a.log'
        log.write_text('')
        agent = bench.enrol('web-01', config(log))
        bench.enrol('gone-01', config(bench.dir / 'none.log'))
        agent.start()
        log.write_text(''.join(f'line {n}\n' for n in range(40)))
        lab.wait_until('the lines', 60, lambda: len(bench.search(f'log: "{log}"')) == 40)
        check_witness(bench)
        check_service(bench)
        check_several(bench)
        check_endorsement(bench)
        gone = next(s for s in json.loads(bench.get('/v1/streams')[1])['items']
                    if s['host'] == 'gone-01')
        bench.collect('host', 'retire', '--agent', gone['stream'].split('.')[0])
        code, report = bench.audit_live()
        assert code == 0 and report['counts']['retirements'] == 1, report
        check_export(bench, log)
        agent.stop()
        check_resume(bench)
        bench.collector.stop()
        bench.start_collector()
        lab.wait_until('a roster', 30, lambda: any(
            bench.get(f'/v1/log/lists/{leaf}')[0] == 200 for leaf in range(bench.size())))
        check_rosters(bench)
        check_operator(bench)
        print(f'witnessed, endorsed, exported; a roll-back and a split view told ({suite})')


if __name__ == '__main__':
    sys.exit(main())
