#!/usr/bin/env python3
"""Each curl example of collector/api/README.md, run against a collector with a host's log.

Ports, certificate and token are the lab's; `…` in an example stands for them, and a time in it
for the days around now. What an example answers must be what the page says it is: items, counts,
an export that says that it is whole.
"""
import datetime
import json
import os
import pathlib
import re
import subprocess

import lab

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES = 300


def write_log(path):
    """sshd as a syslog daemon writes it: two of three logins fail."""
    with open(path, 'w', encoding='utf-8') as out:
        for n in range(LINES):
            word = 'Accepted' if n % 3 == 0 else 'Failed'
            out.write(
                f'Nov 22 08:{n // 60:02d}:{n % 60:02d} web-01 sshd[{800 + n}]: {word} password for '
                f'user{n % 5} from 10.20.0.{n % 7} port {40000 + n} ssh2\n'
            )


def examples():
    text = (ROOT / 'collector' / 'api' / 'README.md').read_text(encoding='utf-8')
    return re.findall(r'^`?(curl .*?)`?(?: gives .*)?$', text, re.MULTILINE)


def around_now(command):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    day = datetime.timedelta(days=1)
    command = re.sub(r'from=\d{4}-\d\d-\d\d', f'from={today - day}', command)
    return re.sub(r'to=\d{4}-\d\d-\d\d', f'to={today + 2 * day}', command)


def run(bench, command):
    """Standard output, or the file that the example writes."""
    credential = '--cacert ca.pem -H "Authorization: Bearer $TOKEN"'
    options = f'--no-progress-meter --fail-with-body {credential}'
    command = around_now(command).replace(credential, '…')
    command = command.replace('…', options).replace('seconds=60', 'seconds=4')
    work = bench.dir / 'work'
    work.mkdir(exist_ok=True)
    (work / 'ca.pem').write_bytes(bench.ca.read_bytes())
    environment = dict(os.environ, URL=bench.url, TOKEN=bench.token)
    done = subprocess.run(
        ['bash', '-c', command],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f'{command}\n{done.stdout}{done.stderr}'
    target = re.search(r'> (\S+)$', command)
    return (work / target.group(1)).read_text(encoding='utf-8') if target else done.stdout


def check(command, text):
    path = re.search(r'\$URL/v1/(\w+)', command).group(1)
    if path == 'search':
        items = json.loads(text)['items']
        assert items and items[0]['class_uid'] == 3002, text
    elif path == 'hits':
        assert sum(item['records'] for item in json.loads(text)['items']) >= LINES, text
    elif path == 'facets':
        assert json.loads(text)['items'][0]['distinct'] == 5, text
    elif path == 'fields':
        assert any(item['field'] == 'message' for item in json.loads(text)['items']), text
    elif path == 'tail':
        assert 'cursor' in json.loads(text.splitlines()[-1]), text
    elif path == 'exports' and 'format=csv' in command:
        lines = text.splitlines()
        assert lines[-1].startswith('#complete,') and len(lines) >= LINES + 2, lines[-1]
    elif path == 'exports':
        end = json.loads(text.splitlines()[-1])
        assert end['complete'] and end['records'] >= LINES, end
    else:
        raise AssertionError(f'no check for {path}')
    return path


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        log = bench.dir / 'auth.log'
        write_log(log)
        bench.init()
        bench.start_collector()
        agent = bench.enrol('web-01', f'[journal]\nenabled = false\n[[file]]\npaths = ["{log}"]\n')
        agent.start()
        lab.wait_until(
            'all lines', 120, lambda: len(bench.search('class_uid: 3002', limit=1000)) == LINES
        )
        seen = {check(command, run(bench, command)) for command in examples()}
        assert seen == {'search', 'hits', 'facets', 'fields', 'tail', 'exports'}, seen
        assert agent.stop() == 0
        assert bench.collector.stop() == 0
    print(f'{len(seen)} routes answer as the page says')


if __name__ == '__main__':
    main()
