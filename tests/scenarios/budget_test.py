#!/usr/bin/env python3
"""A flood meets an agent that may take a twentieth of a core: it reads more slowly, stays in its
share over the whole flood, drops nothing, and every line arrives.
"""
import os
import sys
import time

import lab

LINES = 400_000
PERCENT = 5


def cpu_seconds(process):
    fields = open(f'/proc/{process.pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'flood.log'
        with log.open('w') as out:
            out.writelines(f'{number:08} {"flood " * 30}\n' for number in range(LINES))
        config = lab.one_file(log) + f'[limits]\ncpu_percent = {PERCENT}\n'
        agent = bench.enrol('web-01', config)
        began = time.monotonic()
        agent.start()

        def done():
            now = bench.status()
            return now.get('records', 0) >= LINES and now['receipted'] == now['sealed']

        lab.wait_until('the whole flood', 300, done)
        took, cpu = time.monotonic() - began, cpu_seconds(agent.process)
        # Two seconds of the share are saved up at the start, and one step may run into debt.
        allowed = PERCENT / 100 * (took + 2) + 0.15
        assert cpu <= allowed, f'{cpu:.2f} CPU-s in {took:.1f} s; {allowed:.2f} are allowed'
        assert agent.stop() == 0, agent.tail()
        code, report = bench.audit_live()
        assert code == 0, report
        assert report['counts']['records'] >= LINES, report
        assert not bench.search('what: gap')
        share = cpu / took * 100
        print(f'{LINES} lines in {took:.1f} s with {cpu:.2f} CPU-s: {share:.0f} % of a core')


if __name__ == '__main__':
    sys.exit(main())
