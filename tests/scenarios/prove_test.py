#!/usr/bin/env python3
"""One line of a host's log, proven to somebody who has the log's key and one small file.

Search finds it, `prove` writes the proof, `verify --proof` holds offline, years after the collector
is gone; a proof with one byte changed, or held against another key, is refused.
`prove_test.py [--suite S]`
"""
import argparse
import json
import subprocess
import sys

import lab

LINES = 300


def config(log):
    return f'[journal]\nenabled = false\n[usage]\nenabled = false\n[[file]]\npaths = ["{log}"]\n'


def audit(bench, *arguments):
    """(exit code, standard output, or standard error when it prints nothing else and fails)."""
    done = subprocess.run(
        [str(bench.bin / 'yunjian-audit'), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout or (done.stderr if done.returncode else '')


def live(bench):
    return '--collector', bench.url, '--ca', bench.ca, '--token-file', bench.dir / 'token'


def search(bench, query, *more):
    code, out = audit(bench, 'search', '--q', query, *live(bench), *more)
    assert code == 0, out
    return out.splitlines()


def check_search(bench, log):
    """Pages are followed up to the limit, people get lines, a bad query is told as one."""
    items = [json.loads(line) for line in search(bench, f'log: "{log}"', '--limit', 1000, '--json')]
    assert len(items) == LINES, len(items)
    assert len(search(bench, f'log: "{log}"', '--limit', 7)) == 7
    (line,) = search(bench, f'log: "{log}" and "登录 042"')
    item = next(item for item in items if '登录 042' in item['line'])
    name = f"{item['stream']}/{item['number']}"
    assert f'web-01 {lab.UNIT} {name} 用户登录 042' in line, line
    assert not search(bench, f'log: "{log}"', '--to', '2020-01-01')
    code, out = audit(bench, 'search', '--q', 'a and (', *live(bench))
    assert code == 64 and "Parameter 'q'" in out, (code, out)
    lab.write_secret(bench.dir / 'wrong', 'no such token\n')
    code, out = audit(bench, 'search', '--q', 'a', *live(bench)[:-1], bench.dir / 'wrong')
    assert code == 4 and 'is not valid here' in out, (code, out)
    return name


def prove(bench, name, path):
    code, out = audit(
        *(bench, 'prove', '--record', name, '--out', path, *live(bench)),
        *('--vkey', bench.vkey, '--state', bench.dir / 'state', '--json'),
    )
    return code, out


def verify(bench, path, vkey=None, *more):
    return audit(bench, 'verify', '--proof', path, '--vkey', vkey or bench.vkey, *more)


def check_changed(bench, path):
    """A handful of bytes in every part of the file; the unit tests flip all of its bits."""
    good = path.read_bytes()
    forged = bench.dir / 'forged'
    for at in range(0, len(good), 97):
        forged.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        code, out = verify(bench, forged)
        assert code == 1 and '证明不成立' in out, (at, code, out)
    forged.write_bytes(good[: len(good) // 2])
    assert verify(bench, forged)[0] == 1
    assert verify(bench, bench.dir / 'not-there')[0] == 4


def check_later(bench, log, stream):
    """A record of a later batch, whose key another batch announced."""
    with log.open('a') as out:
        out.write('之后的一行\n')
    query = f'log: "{log}" and "之后的一行"'  # what was asked for is a record too
    found = lab.wait_until('the later line', 60, lambda: bench.search(query))
    path = bench.dir / 'later'
    code, out = prove(bench, f"{stream}/{found[0]['number']}", path)
    proven = json.loads(out)
    assert code == 0 and proven['batch'] > 0 and not proven['chain_walked'], out
    assert path.stat().st_size < 4096
    code, out = verify(bench, path)
    assert code == 0 and 'was not walked' in out, (code, out)


def stranger_key(bench):
    """A key of the same log's name that never signed anything."""
    other = bench.dir / 'other'
    bench.run(
        *(bench.bin / 'yunjian-collector', 'init', '--data', other, '--origin', 'lab.example'),
        *('--anchor', bench.dir / 'other-anchor', '--name', 'localhost'),
    )
    return json.loads((other / 'log.json').read_text())['vkey']


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--suite', default='ed25519-sha256')
    suite = parser.parse_args().suite
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init(suite)
        bench.start_collector()
        log = bench.dir / 'a.log'
        log.write_text(''.join(f'用户登录 {number:03d}\n' for number in range(LINES)))
        agent = bench.enrol('web-01', config(log))
        agent.start()
        lab.wait_until('the lines', 60, lambda: len(bench.search(f'log: "{log}"')) == LINES)
        name = check_search(bench, log)
        assert bench.audit_live('--state', bench.dir / 'state')[0] == 0

        path = bench.dir / 'proof'
        code, out = prove(bench, name, path)
        assert code == 0, out
        proven = json.loads(out)
        assert proven['host'] == 'web-01' and proven['unit'] == lab.UNIT, proven
        assert json.loads(proven['line'])['message'] == '用户登录 042', proven
        size = path.stat().st_size
        assert size < 4096, size
        stream = name.split('/')[0]
        check_later(bench, log, stream)
        code, out = prove(bench, f'{stream}/99999999', bench.dir / 'none')
        assert code == 4 and not (bench.dir / 'none').exists(), (code, out)

        assert agent.stop() == 0, agent.tail()
        assert bench.collector.stop() == 0, bench.collector.tail()
        code, out = verify(bench, path)
        assert code == 0 and '证明成立' in out and '用户登录 042' in out, (code, out)
        assert verify(bench, path, None, '--state', bench.dir / 'state', '--json')[0] == 0
        check_changed(bench, path)
        assert verify(bench, path, stranger_key(bench))[0] == 1
        code, out = prove(bench, name, bench.dir / 'none')
        assert code == 4 and 'did not answer' in out, (code, out)
        print(f'{name} proven in {size} bytes; collector gone, the proof holds')
        print(verify(bench, path)[1])


if __name__ == '__main__':
    sys.exit(main())
