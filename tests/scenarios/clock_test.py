#!/usr/bin/env python3
"""A host whose clock is ten years back (a dead battery): it ships all the same, its records keep
their order, both times are there, and the collector raises an alarm.

The agent runs under libfaketime (package faketime); without it the test says so and is skipped.
"""
import json
import os
import pathlib
import sys

import lab

LIBRARY = pathlib.Path('/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1')


def items(bench, query):
    return bench.search(query)


def lines(bench, query):
    return [json.loads(item['line']) for item in items(bench, query)]


def main():
    if not LIBRARY.exists():
        print(f'SKIPPED: {LIBRARY} is not here (apt-get install faketime)')
        return 0
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.command = ['env', f'LD_PRELOAD={LIBRARY}', 'FAKETIME=-3650d',
                         'FAKETIME_DONT_FAKE_MONOTONIC=1', *agent.command]
        agent.start()
        for number in range(3):
            with log.open('a') as out:
                out.write(f'line {number}\n')
            wanted = number + 1
            lab.wait_until('the line', 60, lambda: len(items(bench, f'log: "{log}"')) == wanted)
        found = sorted(items(bench, f'log: "{log}"'), key=lambda item: item['number'])
        assert [json.loads(i['line'])['message'] for i in found] == ['line 0', 'line 1', 'line 2']
        for item in found:
            told = json.loads(item['line'])['time']
            assert int(item['received'][:4]) - int(told[:4]) in (9, 10), item
        clock = lab.wait_until('the clock record', 60, lambda: lines(bench, 'what: clock'))[0]
        assert clock['side'] == 'behind' and clock['cause'] == 'collector', clock
        alarm = lab.wait_until('the alarm', 90, lambda: lines(bench, 'what: alarm'))[0]
        assert alarm['alarm'] == 'clock' and alarm['host'] == 'web-01', alarm
        assert b'yunjian_clock_agents_off 1' in bench.get('/metrics')[1]
        assert agent.stop() == 0, agent.tail()
        code, report = bench.audit_live()
        assert code == 0, report
        print('ten years back: 3 lines in order, a clock record, one alarm')
    return 0


if __name__ == '__main__':
    os.environ.setdefault('PYTHONDONTWRITEBYTECODE', '1')
    sys.exit(main())
