#!/usr/bin/env python3
"""Client certificates that live for seconds: renewed while the agent runs, without a restart and
without losing a line; one that ended while the agent was away says what to do, and a new token for
the same agent mends it: what was sealed meanwhile is there in the end.
"""
import json
import re
import sys
import time

import lab

LIFE_S = 12


def fingerprint(bench):
    path = bench.dir / 'web-01' / 'tls.crt'
    return bench.run('openssl', 'x509', '-in', path, '-noout', '-fingerprint', '-sha256').strip()


def messages(bench, log):
    return [json.loads(item['line'])['message'] for item in bench.search(f'log: "{log}"')]


def append(log, line):
    with log.open('a') as out:
        out.write(line + '\n')


def renewals(bench):
    text = bench.get('/metrics')[1].decode()
    return int(re.search(r'^yunjian_certificate_renewals_total (\d+)', text, re.M).group(1))


def renewed_while_running(bench, agent, log):
    """Lines written over several lives all arrive; no process was restarted."""
    seen = {fingerprint(bench)}
    lines = []

    def three_certificates():
        line = f'line {len(lines)}'
        append(log, line)
        lines.append(line)
        seen.add(fingerprint(bench))
        time.sleep(0.5)
        return len(seen) >= 3

    agent_id = agent.process.pid
    lab.wait_until('two renewals', 90, three_certificates)
    assert agent.alive() and agent.process.pid == agent_id
    lab.wait_until('all lines', 60, lambda: messages(bench, log) == lines)
    assert renewals(bench) >= 2
    text = bench.run(bench.bin / 'yunjian-agent', 'status', '--config', bench.dir / 'web-01.toml')
    assert 'certificate   good until' in text, text
    return len(seen) - 1, lines


def ended_while_away(bench, agent, log, lines):
    """An agent that comes back after its certificate ended says so; a token for it mends it."""
    assert agent.stop() == 0, agent.tail()
    end = time.time() + LIFE_S + 1
    lab.wait_until('the end of the certificate', LIFE_S + 10, lambda: time.time() > end)
    append(log, 'sealed under a certificate that ended')
    lines.append('sealed under a certificate that ended')
    agent.start()
    told = lab.wait_until(
        'the agent to say so', 60, lambda: re.search('certificate expired', agent.tail(40))
    )
    assert told and 'enrol-token --agent' in agent.tail(40), agent.tail(40)
    agent.stop()
    identity = json.loads((bench.dir / 'web-01' / 'identity.json').read_text())
    bench.enrol_again('web-01', '--agent', identity['agent'])
    agent.start()
    lab.wait_until('what was sealed meanwhile', 60, lambda: set(lines) <= set(messages(bench, log)))


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        config = bench.dir / 'collector.toml'
        text = config.read_text().replace('[api]', f'certificate_life = "{LIFE_S}s"\n[api]')
        config.write_text(text)
        bench.start_collector()
        log = bench.dir / 'a.log'
        log.touch()
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        count, lines = renewed_while_running(bench, agent, log)
        ended_while_away(bench, agent, log, lines)
        assert agent.stop() == 0, agent.tail()
        code, report = bench.audit_live()
        assert code == 0, report
        print(f'{count} renewals without a restart, {len(lines)} lines, each there')


if __name__ == '__main__':
    sys.exit(main())
