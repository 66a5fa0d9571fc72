#!/usr/bin/env python3
"""An agent's certificate is taken away while the collector is killed around it.

The act is a record before it is a row. However a kill falls between the two: what was acknowledged
holds after the restart, and what the log says was done is done; a certificate whose end stands in
the record of the acts is never let in again.
`revoke_test.py [--seed N]`
"""
import argparse
import json
import random
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import lab

ROUNDS = 12


def let_in(bench):
    """Whether a post under the agent's certificate is looked at."""
    context = ssl.create_default_context(cafile=str(bench.ca))
    context.load_cert_chain(bench.dir / 'web-01' / 'tls.crt', bench.dir / 'web-01' / 'tls.key')
    request = urllib.request.Request(
        f'https://127.0.0.1:{bench.ingest_port}/ingest/v1/batches',
        data=b'no frame',
        headers={'Content-Type': 'application/octet-stream'},
    )
    try:
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            raise AssertionError(f'nonsense was taken: {answer.status}')
    except urllib.error.HTTPError as error:
        assert error.code in (400, 403), error.read()
        return error.code == 400


def acts(bench, stream):
    """How many revocations of this incarnation stand in the collector's records."""
    agent, incarnation = stream.split('.')
    found = bench.search(f'what: agent and agent: {agent}')
    lines = [json.loads(item['line']) for item in found]
    return sum(each['incarnation'] == int(incarnation) for each in lines)


def revoke_and_kill(bench, agent, delay_s):
    """Whether the command was told that it is done."""
    command = [bench.bin / 'yunjian-collector', 'agent', 'revoke', agent, '--reason', 'stolen']
    command += ['--config', bench.dir / 'collector.toml']
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as asked:
        time.sleep(delay_s)  # where the kill falls is the point
        bench.collector.kill()
        out, _ = asked.communicate(timeout=60)
    return asked.returncode == 0 and b'is revoked' in out


def one_round(bench, delay_s):
    identity = json.loads((bench.dir / 'web-01' / 'identity.json').read_text())
    stream = f"{identity['agent']}.{identity['incarnation']}"
    assert let_in(bench), 'a certificate that was just given is not let in'
    told = revoke_and_kill(bench, identity['agent'], delay_s)
    bench.start_collector()
    held = not let_in(bench)
    assert held or not told, f'{stream}: acknowledged, and let in again'
    state = bench.collect('agent', 'list')
    line = next(each for each in state.splitlines() if stream in each)
    assert ('revoked' in line) == held, line
    bench.enrol_again('web-01', '--agent', identity['agent'])
    return stream, told, held


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=20261128)
    choose = random.Random(parser.parse_args().seed)
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        bench.enrol('web-01')
        began = time.monotonic()
        bench.collect('agent', 'list')
        usual_s = time.monotonic() - began  # of a command that changes nothing
        delays = [choose.uniform(0.1 * usual_s, usual_s) for _ in range(ROUNDS)]
        rounds = [one_round(bench, delay_s) for delay_s in delays]
        assert bench.collector.stop() == 0  # seals what waits
        bench.start_collector()
        for stream, told, held in rounds:
            assert acts(bench, stream) == int(held), (stream, told, held)
        assert any(held for _, _, held in rounds), rounds
        assert bench.audit_live()[0] == 0
        assert bench.collector.stop() == 0
    done = sum(held for _, _, held in rounds)
    told = sum(told for _, told, _ in rounds)
    print(f'{ROUNDS} kills around a revocation: {done} held, {told} of them acknowledged')


if __name__ == '__main__':
    sys.exit(main())
