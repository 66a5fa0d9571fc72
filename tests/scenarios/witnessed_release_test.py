#!/usr/bin/env python3
"""An agent that frees bodies only behind witnesses, and a collector that shows it another history.

Before a witness cosigned, no receipt counts as witnessed; then it does. After that the operator
restores a backup and lets the log grow again: the agent keeps both signed notes, and when its
records arrive in the second history, the auditor finds there what the agent was shown of the first.
`witnessed_release_test.py [--suite S]`
"""
import argparse
import json
import shutil
import sys

import lab
import witness_test


class Bench(witness_test.Bench):
    def start_witness(self):
        (self.dir / 'logs').write_text(f'{self.url} {self.ca} {self.dir}/token {self.vkey}\n')
        service = self.add('witness-service', [
            self.bin / 'yunjian-audit', 'witness', '--logs', self.dir / 'logs', '--key',
            self.dir / 'witness.key', '--state', self.dir / 'service', '--interval', '1'])
        service.start()
        return service

    def write(self, count):
        """So many more lines, which the agent ships within some seconds."""
        with self.log.open('a') as out:
            for self.lines in range(self.lines, self.lines + count):
                out.write(f'line {self.lines}\n')
            self.lines += 1

    def shipped(self):
        status = self.status()
        return status.get('receipted') and status['receipted'] == status['sealed']


def check_release(bench, agent):
    bench.write(40)
    lab.wait_until('receipts', 60, bench.shipped)
    assert bench.status()['witnessed'] == 0, bench.status()
    service = bench.start_witness()

    def witnessed():
        bench.write(1)
        return bench.status()['witnessed'] > 0

    lab.wait_until('a witnessed receipt', 150, witnessed)
    metrics = bench.get('/metrics')[1].decode()
    assert 'yunjian_witnessed_receipts_total{result="given"}' in metrics, metrics
    told = bench.run(bench.bin / 'yunjian-agent', 'status', '--config', bench.dir / 'web-01.toml')
    assert 'witnessed' in told, told
    assert service.stop() == 0
    agent.stop()


def check_other_history(bench, agent):
    backup = bench.dir / 'backup'
    bench.collector.stop()
    shutil.copytree(bench.dir / 'collector', backup)
    anchor = (bench.dir / 'anchor').read_bytes()
    bench.start_collector()
    agent.start()
    for n in range(15):  # leaves that nobody sends again
        bench.enrol(f'other-{n:02}')
    bench.write(70)
    lab.wait_until('receipts', 60, bench.shipped)
    agent.stop()
    size = bench.size()
    bench.collector.stop()
    shutil.rmtree(bench.dir / 'collector')
    shutil.copytree(backup, bench.dir / 'collector')
    (bench.dir / 'anchor').write_bytes(anchor)
    bench.start_collector()
    assert bench.size() < size
    agent.start()
    alarms = bench.dir / 'web-01' / 'alarms'
    lab.wait_until('evidence', 60, lambda: alarms.exists() and list(alarms.iterdir()))
    found = next(alarms.iterdir())
    assert 'roll-back' in found.name, found
    witness_test.audit(bench, 'verify', '--alarm', found, '--vkey', bench.vkey, code=4)
    while bench.size() <= size + 1:
        bench.collect('token', 'create', '--role', 'authority', '--name', 'another')
        bench.collector.stop()
        bench.start_collector()
    lab.wait_until('what the agent was shown', 120,
                   lambda: len(bench.search('contradiction and what: checkpoint')) >= 2)
    code, report = bench.audit_live()
    assert code == 1, report
    texts = json.dumps(report)
    assert 'web-01' in texts, report
    agent.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--suite', default='ed25519-sha256')
    suite = parser.parse_args().suite
    with Bench(lab.bin_directory()) as bench:
        bench.init(suite)
        bench.make_keys(suite)
        bench.start_collector()
        bench.log, bench.lines = bench.dir / 'a.log', 0
        bench.log.write_text('')
        agent = bench.enrol('web-01', witness_test.config(bench.log)
                            + f'[witness]\nkeys = ["{bench.witness_vkey}"]\n')
        agent.start()
        check_release(bench, agent)
        check_other_history(bench, agent)
        print(f'freed behind a witness only; a second history left evidence ({suite})')


if __name__ == '__main__':
    sys.exit(main())
