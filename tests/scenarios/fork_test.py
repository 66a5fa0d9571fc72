#!/usr/bin/env python3
"""A cloned virtual machine: two agents with one state directory sign two histories of one stream.

The first to arrive goes on, the other is told, stops shipping, says so and loses nothing: enrolled
anew it ships under a stream of its own. The log keeps the refused header as evidence, and the
auditor names the fork without calling the log tampered.
"""
import json
import shutil
import sys

import lab


def config(log):
    return f'[journal]\nenabled = false\n[usage]\nenabled = false\n[[file]]\npaths = ["{log}"]\n'


def messages(bench, log):
    return [json.loads(item['line'])['message'] for item in bench.search(f'log: "{log}"')]


def append(log, *lines):
    with log.open('a') as out:
        out.write(''.join(line + '\n' for line in lines))


def clone(bench, log):
    """A second agent over a copy of the first one, reading the same log."""
    shutil.copytree(bench.dir / 'web-01', bench.dir / 'clone')
    path = bench.dir / 'clone.toml'
    path.write_text(f'state = "{bench.dir}/clone"\n' + config(log))
    return bench.add('clone', [bench.bin / 'yunjian-agent', 'run', '--config', path])


def enrol_again(bench, program):
    """What the operator does with the loser: stop it, enrol it under a new token and name."""
    program.stop()
    token = bench.collect('enrol-token', '--unit', lab.UNIT).strip().splitlines()[-1]
    bench.run(
        *(bench.bin / 'yunjian-agent', 'enrol', '--collector', bench.url, '--token', token),
        *('--ca-fingerprint', bench.fingerprint(), '--state', bench.dir / program.name),
        *('--host', 'web-02'),
    )
    program.start()


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log = bench.dir / 'a.log'
        append(log, 'before the clone')
        first = bench.enrol('web-01', config(log))
        first.start()
        lab.wait_until('the first line', 60, lambda: messages(bench, log))
        assert first.stop() == 0, first.tail()

        second = clone(bench, log)
        first.start()
        append(log, 'only one of the two can seal this first')
        second.start()

        def loser():
            for name, program in (('web-01', first), ('clone', second)):
                if bench.status(name)['state'] == 'forked':
                    return program
            return None

        forked = lab.wait_until('the fork', 90, loser)
        winner = second if forked is first else first
        assert bench.status('clone' if winner is second else 'web-01')['state'] == 'shipping'
        code, report = bench.audit_live()
        assert code == 0 and report['counts']['forks'] >= 1, report
        assert any('forked at batch' in finding['en'] for finding in report['findings']), report

        # The collector's record of it is sealed a little later.
        alarms = lab.wait_until(
            'the alarm', 60, lambda: [json.loads(i['line']) for i in bench.search('alarm: fork')]
        )
        assert len(alarms) == 1 and alarms[0]['host'] == 'web-01', alarms

        enrol_again(bench, forked)
        append(log, 'after the new enrolment')
        # Both read the same file, so both report the line, each in its own stream.
        lab.wait_until(
            'the line from both',
            90,
            lambda: messages(bench, log).count('after the new enrolment') == 2,
        )
        # Neither disturbs the other any more.
        append(log, 'and once more')
        lab.wait_until(
            'that line too', 90, lambda: messages(bench, log).count('and once more') == 2
        )
        code, report = bench.audit_live()
        assert code == 0 and report['counts']['forks'] == 1, report
        for program in (first, second):
            assert program.stop() == 0, program.tail()
        print(
            f"forks {report['counts']['forks']}, streams {report['counts']['streams']}: both go on"
        )


if __name__ == '__main__':
    sys.exit(main())
