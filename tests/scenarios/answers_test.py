#!/usr/bin/env python3
"""Each curl example of collector/api/README.md, run against a collector with a host's log.

There is one for each operation of /openapi.json but those of agents, which want their certificates.

Ports, certificate and token are the lab's; `…` in an example stands for them, and a time in it
for the days around now. Behind them are the months of a small fleet, a witness and an authority
that endorses. What an example answers must be what the page says it is: items, counts, an export
that says that it is whole; none is refused.
"""
import base64
import datetime
import json
import os
import pathlib
import re
import struct
import subprocess

import fleet
import lab

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES = 300
FLEET = 12


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


def read(bench, path):
    status, body = bench.get(path)
    assert status == 200, body
    return json.loads(body)


def certificate_request(bench):
    """PEM with its line ends written as JSON does."""
    made = bench.run(
        *('openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'),
        *('-nodes', '-keyout', bench.dir / 'zhao.key', '-subj', '/CN=zhao'),
    )
    return made.replace('\n', '\\n')


def first_key(bench):
    """A raw public key in base64, as an agent draws it for its first batch."""
    path = bench.dir / 'first.key'
    bench.run('openssl', 'genpkey', '-algorithm', 'ed25519', '-out', path)
    der = subprocess.run(
        ['openssl', 'pkey', '-in', path, '-pubout', '-outform', 'DER'],
        capture_output=True,
        check=True,
    ).stdout
    return base64.b64encode(der[-32:]).decode()


def audit(bench, *arguments):
    live = ('--collector', bench.url, '--ca', bench.ca, '--token-file', bench.dir / 'token')
    return bench.run(bench.bin / 'yunjian-audit', *arguments, *live, '--vkey', bench.vkey)


def make_keys(bench):
    """Of a witness and of an authority that endorses; the collector is told of both."""
    keys = {
        kind: bench.run(
            *(bench.bin / 'yunjian-audit', 'key', '--out', bench.dir / f'{kind}.key'),
            *('--kind', kind, '--name', f'{kind}.example'),
        ).strip()
        for kind in ('witness', 'authority')
    }
    with (bench.dir / 'collector.toml').open('a') as out:
        out.write(f'[witness]\nkeys = ["{keys["witness"]}"]\n')
        out.write(f'authorities = ["{keys["authority"]}"]\n')


def entries(bench):
    """The newest leaves of the log: those in the last, partial bundle."""
    size = read(bench, '/v1/log')['size']
    number, width = divmod(size, 256)
    path = f'/tile/entries/{number:03}.p/{width}' if width else f'/tile/entries/{number - 1:03}'
    status, bundle = bench.get(path)
    assert status == 200, bundle
    while bundle:
        (length,) = struct.unpack('>H', bundle[:2])
        yield bundle[2 : 2 + length]
        bundle = bundle[2 + length :]


def write_notes(bench, work):
    """cosigned.txt as a witness sends it, endorsement.txt as the authority signed it."""
    audit(
        bench,
        *('witness', '--key', bench.dir / 'witness.key', '--state', bench.dir / 'witness'),
    )
    status, cosigned = bench.get('/v1/log/witnessed')
    assert status == 200, cosigned
    (work / 'cosigned.txt').write_bytes(cosigned)
    audit(bench, 'endorse', '--key', bench.dir / 'authority.key', '--all')
    leaf = [each for each in entries(bench) if each.startswith(b'yunjian/endorsement/v1')][-1]
    text, _, signatures = leaf.decode().partition('\n\n')
    own = [line for line in signatures.splitlines() if line.startswith('\u2014 authority.example')]
    (work / 'endorsement.txt').write_text(text + '\n\n' + own[0] + '\n', encoding='utf-8')


def roster_leaf(bench):
    """Index of a leaf that has a list: the first roster comes soon after the start."""

    def found():
        size = read(bench, '/v1/log')['size']
        for leaf in range(size):
            if bench.get(f'/v1/log/lists/{leaf}')[0] == 200:
                return str(leaf)
        return None

    return lab.wait_until('a roster', 120, found)


def around_now(command):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    day = datetime.timedelta(days=1)
    command = re.sub(r'from=\d{4}-\d\d-\d\d', f'from={today - day}', command)
    return re.sub(r'to=\d{4}-\d\d-\d\d', f'to={today + 2 * day}', command)


def run(bench, command, names):
    """Standard output, or the file that the example writes."""
    credential = '--cacert ca.pem -H "Authorization: Bearer $TOKEN"'
    silent = '--no-progress-meter'
    command = around_now(command)
    if re.match('curl (-N )?…', command):
        command = command.replace('…', credential, 1)
    command = command.replace('curl ', f'curl {silent} ', 1)
    command = command.replace('seconds=60', 'seconds=4')
    work = bench.dir / 'work'
    environment = dict(os.environ, URL=bench.url, TOKEN=bench.token, **names)
    done = subprocess.run(
        ['bash', '-uc', command],
        cwd=work,
        env=environment,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, f'{command}\n{done.stdout}{done.stderr}'
    target = re.search(r'> (\S+)$', command)
    return (work / target.group(1)).read_bytes() if target else done.stdout


def path_of(command):
    return re.search(r'\$URL(/[^?"]*)', command).group(1)


def check_records(name, command, text):
    """The routes about records, whose answers are known."""
    if name == 'search':
        items = json.loads(text)['items']
        assert items and items[0]['class_uid'] == 3002, text
    elif name == 'hits':
        assert sum(item['records'] for item in json.loads(text)['items']) >= LINES, text
    elif name == 'facets':
        users = json.loads(text)['items'][0]
        assert users['distinct'] >= 5 and users['complete'] and len(users['values']) == 5, text
    elif name == 'fields':
        assert any(item['field'] == 'message' for item in json.loads(text)['items']), text
    elif name == 'tail':
        assert 'cursor' in json.loads(text.splitlines()[-1]), text
    elif name == 'exports' and 'format=csv' in command:
        lines = text.splitlines()
        assert lines[-1].startswith('#complete,') and len(lines) >= LINES + 2, lines[-1]
    elif name == 'exports':
        end = json.loads(text.splitlines()[-1])
        assert end['complete'] and end['records'] >= LINES, end


def check(command, answer, names):
    """Fails unless the answer is what the page says; remembers ids that later examples name."""
    path = path_of(command)
    text = answer.decode('utf-8', 'replace')
    assert not text.startswith('{"type":'), f'{command}\n{text}'
    assert text, command
    name = path.split('/')[2] if path.startswith('/v1/') else ''
    check_records(name, command, text)
    if name == 'access':
        assert any(look['path'] == '/v1/search' for look in json.loads(text)['items']), text
    if path == '/v1/grants' and '-d' in command:
        names['GRANT'] = json.loads(text)['id']
    if path == '/v1/tokens' and '-d' in command:
        names['MADE'] = json.loads(text)['id']
    if path.endswith('/approve'):
        assert json.loads(text)['state'] == 'valid', text
    if path.endswith('/cosignatures'):
        assert json.loads(text)['cosignatures'] == 1, text
    if path.endswith('/endorsements'):
        assert json.loads(text)['receipt'], text
    if path == '/v1/findings/$FINDING' and '-d' in command:
        assert json.loads(text)['state'] == 'withdrawn', text
    if path == '/enrol/v1':
        assert json.loads(text)['text'].startswith('yunjian/enrolment/v1'), text


def operations(bench):
    """(method, pattern) of each operation of the document, as a regular expression."""
    found = {}
    for path, methods in read(bench, '/openapi.json')['paths'].items():
        if path.startswith('/ingest/'):
            continue
        pattern = re.sub(r'\{\w+\}', '[^/]+', path.replace('{path}', '.+'))
        for method in methods:
            found[(method, path)] = re.compile(pattern + r'\Z')
    return found


def answered(command):
    post = re.search(r' (-d|--data-binary|-X POST) ', command)
    return ('post' if post else 'get'), path_of(command)


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        log = bench.dir / 'auth.log'
        write_log(log)
        [month] = fleet.months_before_now(1)
        fleet.seed(bench, FLEET, [month])
        (bench.dir / 'units.csv').write_text(f'id,name,county\n{lab.UNIT},水务局,\n')
        bench.collect('unit', 'import', bench.dir / 'units.csv')
        make_keys(bench)
        bench.collect('report', 'build', '--month', month, '--out', bench.dir / 'pack')
        bench.start_collector()
        agent = bench.enrol('web-01', f'[journal]\nenabled = false\n[[file]]\npaths = ["{log}"]\n')
        agent.start()
        lab.wait_until(
            'all lines',
            120,
            lambda: len(bench.search('host: web-01 and class_uid: 3002', limit=1000)) == LINES,
        )
        work = bench.dir / 'work'
        work.mkdir()
        (work / 'ca.pem').write_bytes(bench.ca.read_bytes())
        write_notes(bench, work)
        second = bench.collect('token', 'create', '--role', 'authority', '--name', 'second')
        streams = read(bench, '/v1/streams')['items']
        names = {
            'SECOND': second.strip(),
            'STREAM': next(s['stream'] for s in streams if s['host'] == 'web-01'),
            'HOST': 'web-01',
            'FINDING': read(bench, '/v1/findings?open=true')['items'][0]['id'],
            'LEAF': roster_leaf(bench),
            'CSR': certificate_request(bench),
            'KEY': first_key(bench),
            'ENROL': bench.collect('enrol-token', '--unit', lab.UNIT).strip().splitlines()[-1],
            'MONTH': month,
        }
        commands = examples()
        for command in commands:
            check(command, run(bench, command, names), names)
        asked = [answered(command) for command in commands]
        for (method, path), pattern in operations(bench).items():
            assert any(m == method and pattern.match(p) for m, p in asked), f'{method} {path}'
        assert agent.stop() == 0
        assert bench.collector.stop() == 0
    print(f'{len(commands)} examples answer as the page says')


if __name__ == '__main__':
    main()
