#!/usr/bin/env python3
"""Hosts whose clocks are ten years back or ahead, or stand still: they ship all the same, records
keep their order, both times are there, and the collector raises an alarm for each.

The agent runs under libfaketime (package faketime); without it the test says so and is skipped.
"""
import json
import os
import pathlib
import subprocess
import sys

import lab

LIBRARY = pathlib.Path('/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1')


def items(bench, query):
    return bench.search(query)


def lines(bench, query):
    return [json.loads(item['line']) for item in items(bench, query)]


# Name, what faketime is told, which side the clock is on, years between it and the collector's.
CASES = (
    ('behind', '-3650d', 'behind', (9, 10)),
    ('ahead', '+3650d', 'ahead', (-10, -9)),
    ('frozen', '2026-01-01 00:00:00', 'behind', range(100)),
)


class WrongClock:
    """A host whose clock is wrong, and what is known of it."""

    def __init__(self, bench, name, faketime, side, years):
        self.bench, self.name, self.side, self.years = bench, name, side, years
        self.log = bench.dir / f'{name}.txt'
        self.agent = bench.enrol(name, lab.one_file(self.log))
        self.agent.command = [
            'env',
            f'LD_PRELOAD={LIBRARY}',
            f'FAKETIME={faketime}',
            'FAKETIME_DONT_FAKE_MONOTONIC=1',
            *self.agent.command,
        ]

    def found(self):
        return sorted(items(self.bench, f'log: "{self.log}"'), key=lambda item: item['number'])

    def check(self):
        found = self.found()
        assert [json.loads(i['line'])['message'] for i in found] == ['line 0', 'line 1', 'line 2']
        for item in found:
            told = json.loads(item['line'])['time']
            assert int(item['received'][:4]) - int(told[:4]) in self.years, item
        clock = lab.wait_until(
            'the clock record', 60, lambda: lines(self.bench, f'what: clock and host: {self.name}')
        )[0]
        assert clock['side'] == self.side and clock['cause'] == 'collector', clock
        alarms = lab.wait_until(
            'the alarm',
            90,
            lambda: [
                alarm
                for alarm in lines(self.bench, 'what: alarm and alarm: clock')
                if alarm['host'] == self.name
            ],
        )
        assert len(alarms) == 1, alarms


def check_enrolment(bench):
    """A host ten years back is told so by its own agent, and its token is still good."""
    token = bench.collect('enrol-token', '--unit', lab.UNIT).strip().splitlines()[-1]
    enrol = [
        *(str(bench.bin / 'yunjian-agent'), 'enrol', '--collector', bench.url, '--token', token),
        *('--ca-fingerprint', bench.fingerprint(), '--state', str(bench.dir / 'late')),
        *('--host', 'late'),
    ]
    faked = {'LD_PRELOAD': str(LIBRARY), 'FAKETIME': '-10y', 'FAKETIME_DONT_FAKE_MONOTONIC': '1'}
    refused = subprocess.run(enrol, env={**os.environ, **faked}, stderr=subprocess.PIPE, text=True)
    assert refused.returncode != 0 and 'set the wrong one (NTP)' in refused.stderr, refused
    assert "this host's clock says" in refused.stderr, refused.stderr
    subprocess.run(enrol, check=True, stdout=subprocess.DEVNULL)


def main():
    if not LIBRARY.exists():
        print(f'SKIPPED: {LIBRARY} is not here (apt-get install faketime)')
        return 0
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        check_enrolment(bench)
        hosts = [WrongClock(bench, *case) for case in CASES]
        for host in hosts:
            host.agent.start()
        for number in range(3):
            for host in hosts:
                with host.log.open('a') as out:
                    out.write(f'line {number}\n')
            for host in hosts:
                lab.wait_until('the line', 60, lambda: len(host.found()) == number + 1)
        for host in hosts:
            host.check()
        lab.wait_until(
            'the figure',
            90,
            lambda: f'yunjian_clock_agents_off {len(hosts)}'.encode() in bench.get('/metrics')[1],
        )
        for host in hosts:
            assert host.agent.stop() == 0, host.agent.tail()
        code, report = bench.audit_live()
        assert code == 0, report
        print('behind, ahead and frozen: 3 lines each in order, a clock record and an alarm each')
    return 0


if __name__ == '__main__':
    os.environ.setdefault('PYTHONDONTWRITEBYTECODE', '1')
    sys.exit(main())
