#!/usr/bin/env python3
"""A virtual machine put back to an earlier snapshot: its agent seals batches that the collector has
already, with other bytes.

The log keeps its first history and the refused header as evidence; the agent is told, stops
shipping, says so in status and log, and does not try again over restarts. Enrolled again as the
same agent with a token, it goes on in the next incarnation, and a gap record names what was sealed
on the dead branch. A re-enrolment in good order, afterwards, is endorsed by the old key and
delivers what was not delivered.
"""
import json
import shutil
import sys

import lab


def start(bench, agent):
    """Starts it without the status of the run before."""
    (bench.dir / 'web-01' / 'status.json').unlink(missing_ok=True)
    agent.start()
    lab.wait_until('status', 30, bench.status)


def identity(bench):
    return json.loads((bench.dir / 'web-01' / 'identity.json').read_text())


def messages(bench, log):
    return [json.loads(item['line'])['message'] for item in bench.search(f'log: "{log}"')]


def append(log, line):
    with log.open('a') as out:
        out.write(line + '\n')


def forks(bench):
    return bench.audit_live()[1]['counts']['forks']


def put_back(bench, agent, log):
    """Snapshot, a line, back to the snapshot, another line: the fork."""
    assert agent.stop() == 0, agent.tail()
    shutil.copytree(bench.dir / 'web-01', bench.dir / 'snapshot')
    start(bench, agent)
    append(log, 'on the branch that goes on')
    lab.wait_until('it', 60, lambda: 'on the branch that goes on' in messages(bench, log))
    assert agent.stop() == 0, agent.tail()
    shutil.rmtree(bench.dir / 'web-01')
    shutil.copytree(bench.dir / 'snapshot', bench.dir / 'web-01')
    start(bench, agent)
    lab.wait_until('the fork', 90, lambda: bench.status()['state'] == 'forked')
    assert 'another history' in agent.tail(40), agent.tail(40)
    assert forks(bench) == 1


def stays_down(bench, agent):
    """A restart repeats nothing: the fork is known."""
    assert agent.stop() == 0, agent.tail()
    start(bench, agent)
    lab.wait_until('the state', 30, lambda: bench.status()['state'] == 'forked')
    assert 'enrol with a new token' in bench.status()['last_error'], bench.status()
    assert agent.stop() == 0, agent.tail()
    assert forks(bench) == 1


def goes_on(bench, agent, log):
    first = identity(bench)
    bench.enrol_again('web-01', '--agent', first['agent'])
    assert identity(bench)['incarnation'] == first['incarnation'] + 1
    append(log, 'in the next incarnation')
    start(bench, agent)
    lab.wait_until('it', 60, lambda: 'in the next incarnation' in messages(bench, log))

    def gap():
        items = [json.loads(item['line']) for item in bench.search('what: gap')]
        return [item for item in items if item.get('cause') == 'not-shipped']

    named = lab.wait_until('the gap record', 60, gap)[0]
    assert named['reason'] == 'forked', named
    assert named['stream'] == f"{first['agent']}.{first['incarnation']}", named


def in_good_order(bench, agent, log):
    """The third incarnation: what the second sealed while the collector was away arrives first."""
    bench.collector.stop()
    append(log, 'sealed while nobody listened')
    sealed = bench.status()['sealed']
    lab.wait_until('a seal', 60, lambda: bench.status()['sealed'] > sealed)
    assert agent.stop() == 0, agent.tail()
    bench.start_collector()
    before = identity(bench)
    bench.enrol_again('web-01', '--agent', before['agent'])
    start(bench, agent)
    lab.wait_until('the old batch', 60, lambda: 'sealed while nobody listened' in [
        json.loads(item['line'])['message']
        for item in bench.search(f'log: "{log}"')
        if item['stream'] == f"{before['agent']}.{before['incarnation']}"
    ])

    def delivered():
        return bench.status()['receipted'] == bench.status()['sealed']

    lab.wait_until('all receipts', 60, delivered)
    assert agent.stop() == 0, agent.tail()
    bench.enrol_again('web-01', '--agent', before['agent'])
    start(bench, agent)
    lab.wait_until('the fourth incarnation', 60, lambda: bench.status()['receipted'] > 0)
    assert agent.stop() == 0, agent.tail()
    report = bench.audit_live()[1]
    unendorsed = [f['en'] for f in report['findings'] if 'unendorsed' in f['en']]
    fourth = f"{before['agent']}.{before['incarnation'] + 2}"
    assert not any(fourth in text for text in unendorsed), unendorsed


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        append(log, 'before the snapshot')
        agent = bench.enrol('web-01', lab.one_file(log))
        start(bench, agent)
        lab.wait_until('the first line', 60, lambda: messages(bench, log))
        put_back(bench, agent, log)
        stays_down(bench, agent)
        goes_on(bench, agent, log)
        in_good_order(bench, agent, log)
        code, report = bench.audit_live()
        assert code == 0, report
        print(f"{report['counts']['streams']} streams, 1 fork, nothing lost unnamed")


if __name__ == '__main__':
    sys.exit(main())
