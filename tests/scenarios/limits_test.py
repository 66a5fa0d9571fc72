#!/usr/bin/env python3
"""A host that may give its agent 16 MiB of disk and 32 MiB of memory meets a collector that is away
and three times as many lines as fit: the agent keeps to both, says in `status` what it gave up and
why, and goes on. When the collector is back, each line is there or in a batch that a gap record
names, there is an alarm for each, the metric says how many, and the auditor calls it declared.
"""
import base64
import json
import os
import re
import sys

import lab

SPOOL_MIB, MEMORY_MIB = 16, 32
LINES, LINE_BYTES = 2000, 30000
# A run of batches may stand above the limit until it is looked at; memory is held by reading less,
# which a run that is being sealed does not notice.
IN_POSTS = (5 << 20) // (LINE_BYTES * 3 // 4)
SPOOL_SLACK_MIB, MEMORY_SLACK_MIB = 5.5, 16


def write_lines(log, first, count):
    with log.open('a') as out:
        for number in range(first, first + count):
            text = base64.b64encode(os.urandom(LINE_BYTES * 3 // 4)).decode()
            out.write(f'{number:06d} {text}\n')


def spool_mib(bench):
    total = 0
    for path in (bench.dir / 'web-01' / 'spool').rglob('*'):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            pass  # it went meanwhile
    return total / (1 << 20)


def peak_memory_mib(process):
    text = open(f'/proc/{process.pid}/status').read()
    return int(re.search(r'VmHWM:\s+(\d+) kB', text).group(1)) / 1024


def flood(bench, agent):
    """Three times what fits, while nobody takes it; the largest spool that was seen."""
    log = bench.dir / 'lines'
    write_lines(log, 0, LINES)
    agent.start()
    largest = 0

    def sealed():
        nonlocal largest
        assert agent.alive(), agent.tail()
        largest = max(largest, spool_mib(bench))
        return bench.status().get('records', 0) >= LINES

    lab.wait_until('the flood', 300, sealed)
    return largest


def check_limits(bench, agent, largest):
    assert largest <= SPOOL_MIB + SPOOL_SLACK_MIB, f'the spool had {largest:.1f} MiB'
    memory = peak_memory_mib(agent.process)
    assert memory <= MEMORY_MIB + MEMORY_SLACK_MIB, f'the agent had {memory:.1f} MiB'
    now = bench.status()
    assert now['dropped'] > 0 and now['dropped_cause'] == 'spool-full', now
    told = bench.run(bench.bin / 'yunjian-agent', 'status', '--config', bench.dir / 'web-01.toml')
    assert re.search(r'dropped\s+the bodies of \d+ batches.*spool-full', told), told
    assert f'of {SPOOL_MIB}.0 MiB' in told, told
    assert 'raise [spool] bytes_max' in agent.log.read_text(), agent.tail()
    return memory


def check_gaps(bench):
    """(lines that are there, gap records)"""
    items = sorted(bench.search(f'log: "{bench.dir}/lines"', 300), key=lambda i: i['number'])
    found = [int(json.loads(item['line'])['message'][:6]) for item in items]
    assert found == sorted(set(found)), 'a line is there twice, or the order changed'
    gaps = [json.loads(item['line']) for item in bench.search('kind: agent and what: gap')]
    assert gaps and all(gap['cause'] == 'spool-full' for gap in gaps), gaps
    missing = LINES - len(found)
    named = sum(gap['count'] for gap in gaps)
    # Gap records go too, and two posts with bodies that were given up may still be under way.
    assert 0 < missing <= named <= missing + len(gaps) + IN_POSTS, f'{missing} of {named}'
    assert all(gap['bytes'] > 0 and gap['from'] <= gap['to'] for gap in gaps), gaps

    def alarmed():
        alarms = [json.loads(item['line']) for item in bench.search('what: alarm')]
        full = {alarm['batches'] for alarm in alarms if alarm['alarm'] == 'spool-full'}
        return full == {gap['batches'] for gap in gaps}

    lab.wait_until('an alarm for each gap', 60, alarmed)
    text = bench.get('/metrics')[1].decode()
    counted = re.search(r'^yunjian_\w*gaps\w*\{cause="spool"\} (\d+)', text, re.M)
    assert counted and int(counted.group(1)) == len(gaps), text
    return len(found), len(gaps)


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'lines'
        log.write_text('')
        config = lab.one_file(log) + f'[spool]\nbytes_max = {SPOOL_MIB << 20}\n'
        agent = bench.enrol('web-01', config + f'[limits]\nmemory_mib = {MEMORY_MIB}\n')
        assert bench.collector.stop() == 0
        largest = flood(bench, agent)
        memory = check_limits(bench, agent, largest)
        bench.start_collector()

        def shipped():
            now = bench.status()
            return now['receipted'] == now['sealed']

        lab.wait_until('everything', 240, shipped)
        assert agent.stop() == 0, agent.tail()
        found, gaps = check_gaps(bench)
        code, report = bench.audit_live()
        assert code == 3, report
        print(f'{found} of {LINES} lines there, the others in {gaps} gaps; at most '
              f'{largest:.1f} MiB of spool, {memory:.1f} MiB of memory')


if __name__ == '__main__':
    sys.exit(main())
