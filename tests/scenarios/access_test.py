#!/usr/bin/env python3
"""Who may see what, with the real programs: accounts by two people, grants of log messages, looks.

Every look that was answered is there after the collector was killed: its record is durable before
the first byte leaves. What was granted and revoked holds over kills too.
"""
import json
import subprocess

import lab

LINES = 50
ROUNDS = 12


def write_log(path):
    with open(path, 'w', encoding='utf-8') as out:
        for n in range(LINES):
            out.write(f'Nov 22 08:00:{n:02d} web-01 sshd[7]: Accepted password for user{n}\n')


class Person:
    """Somebody with a token; speaks HTTP through curl, as people do."""

    def __init__(self, bench, token):
        self.bench, self.token = bench, token

    def ask(self, path, body=None):
        """(status, JSON)."""
        command = ['curl', '--no-progress-meter', '--cacert', str(self.bench.ca)]
        command += ['-H', f'Authorization: Bearer {self.token}', '-w', '\n%{http_code}']
        if body is not None:
            command += ['-d', json.dumps(body)]
        done = subprocess.run(
            [*command, self.bench.url + path], capture_output=True, text=True, timeout=60
        )
        text, _, status = done.stdout.rpartition('\n')
        return int(status), json.loads(text) if text.startswith('{') else text

    def get(self, path):
        status, answer = self.ask(path)
        assert status == 200, (path, status, answer)
        return answer

    def post(self, path, body):
        status, answer = self.ask(path, body)
        assert status in (200, 201), (path, status, answer)
        return answer


def appoint(bench, authority, name):
    """An administrator for security: the machine's operator proposes, the authority approves."""
    bench.collect('account', 'add', name, '--name', f'the person {name}')
    grant = bench.collect(
        *('account', 'grant', name, '--role', 'security', '--reason', 'takes office')
    ).strip()
    refused = subprocess.run(
        [
            *(str(bench.bin / 'yunjian-collector'), 'account', 'approve', grant),
            *('--config', str(bench.dir / 'collector.toml')),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1, 'the operator approved what he proposed'
    authority.post(f'/v1/grants/{grant}/approve', {})
    person = Person(bench, bench.collect('account', 'token', name).strip())
    assert person.ask('/v1/me')[0] == 401, 'a token holds before anybody approved it'
    for each in authority.get('/v1/grants')['items']:
        if each['kind'] == 'token' and each['to'] == name:
            authority.post(f'/v1/grants/{each["id"]}/approve', {})
    assert person.get('/v1/me')['role'] == 'security'
    assert person.ask('/v1/search')[0] == 403
    return person


def employ(first, second, account, **grant):
    """Any other account: two administrators for security."""
    first.post('/v1/accounts', {'id': account, 'name': f'the person {account}'})
    wish = dict(grant, to=account, reason='works there', days=30)
    second.post(f'/v1/grants/{first.post("/v1/grants", wish)["id"]}/approve', {})
    made = first.post('/v1/tokens', {'account': account, 'days': 30})
    second.post(f'/v1/grants/{made["grant"]}/approve', {})
    return Person(first.bench, made['token'])


def restart_killed(bench):
    bench.collector.kill()
    bench.start_collector()


def messages_seen(person):
    found = person.get('/v1/search?limit=1000')
    return sum('Accepted password' in item['line'] for item in found['items'])


def check_messages(bench, operator, unit, clerk):
    """The unit lets the operator read its messages, and stops it; kills in between."""
    assert messages_seen(operator) == 0
    asked = operator.post(
        '/v1/grants',
        {'to': 'operator', 'kind': 'messages', 'units': [unit], 'reason': 'incident', 'days': 1},
    )
    assert asked['state'] == 'proposed' and messages_seen(operator) == 0
    clerk.post(f'/v1/grants/{asked["id"]}/approve', {})
    assert messages_seen(operator) == LINES
    restart_killed(bench)
    assert messages_seen(operator) == LINES
    clerk.post(f'/v1/grants/{asked["id"]}/revoke', {})
    restart_killed(bench)
    assert messages_seen(operator) == 0


def check_looks(bench, authority, clerk, auditor):
    """Each look that was answered before a kill is told to the unit and to the auditor."""
    for n in range(ROUNDS):
        authority.get(f'/v1/search?q=round{n}%20or%20Accepted&limit=1000')
        if n % 3 != 2:
            restart_killed(bench)
        questions = [look.get('q', '') for look in auditor.get('/v1/access?limit=100')['items']]
        assert any(f'round{n} ' in q for q in questions), (n, questions)
    who = authority.get('/v1/me')['name']
    told = [look for look in clerk.get('/v1/access?limit=1000')['items'] if look['who'] == who]
    whole = [look for look in told if look.get('units') == {lab.UNIT: LINES}]
    assert len(whole) >= ROUNDS, told
    assert not any('q' in look for look in told), 'a question over all units is told to one of them'


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        log = bench.dir / 'auth.log'
        write_log(log)
        bench.init()
        bench.start_collector()
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        ours = 'host: web-01 and Accepted'  # the collector's own records hold the word too
        lab.wait_until('all lines', 120, lambda: len(bench.search(ours)) == LINES)
        assert agent.stop() == 0
        authority = Person(bench, bench.token)
        first = appoint(bench, authority, 'li')
        second = appoint(bench, authority, 'wang')
        operator = employ(first, second, 'operator', role='provider')
        clerk = employ(first, second, 'clerk', role='unit', units=[lab.UNIT])
        auditor = employ(first, second, 'auditor', role='audit')
        check_messages(bench, operator, lab.UNIT, clerk)
        check_looks(bench, authority, clerk, auditor)
        first.post('/v1/accounts/operator/close', {})
        restart_killed(bench)
        assert operator.ask('/v1/me')[0] == 401
        code, report = bench.audit_live()
        assert code == 0, report
        assert bench.collector.stop() == 0
    print(f'{ROUNDS} looks told after kills, two people for each grant')


if __name__ == '__main__':
    main()
