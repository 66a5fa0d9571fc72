#!/usr/bin/env python3
"""An enrolment that fails says what is wrong and what to do, and can be repeated."""

import json
import os
import ssl
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'scenarios'))
import lab  # noqa: E402


class EnrolTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab(os.environ['YUNJIAN_BIN'])
        cls.lab.init()
        cls.lab.start_collector()
        cls.fingerprint = cls.lab.fingerprint()

    @classmethod
    def tearDownClass(cls):
        cls.lab.collector.stop()
        cls.lab.__exit__(None)

    def token(self, *more):
        said = self.lab.collect('enrol-token', '--unit', lab.UNIT, *more)
        return said.strip().splitlines()[-1]

    def state(self):
        return self.lab.dir / self.id()

    def enrol(self, **given):
        """Exit code and what it said."""
        options = {'collector': self.lab.url, 'token': 'x', 'ca-fingerprint': self.fingerprint,
                   'state': self.state(), 'host': 'web-01', **given}
        words = [str(word) for name, value in options.items() for word in (f'--{name}', value)]
        done = subprocess.run([self.lab.bin / 'yunjian-agent', 'enrol', *words],
                              capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    def assert_refused(self, *wanted, **given):
        code, said = self.enrol(**given)
        self.assertEqual(code, 1, said)
        for words in wanted:
            self.assertIn(words, said)
        self.assertFalse((self.state() / 'identity.json').exists(), said)

    def assert_enrolled(self, **given):
        code, said = self.enrol(**given)
        self.assertEqual(code, 0, said)
        self.assertTrue((self.state() / 'identity.json').exists())

    def test_another_fingerprint(self):
        self.assert_refused('has the fingerprint ' + self.fingerprint.replace(':', '').lower(),
                            'not the one of --ca-fingerprint', 'nothing was sent',
                            **{'ca-fingerprint': '0' * 64})
        self.assert_refused('64 hex digits', **{'ca-fingerprint': 'abc'})

    def test_a_token_that_is_unknown_or_empty(self):
        self.assert_refused('not known here', 'yunjian-collector enrol-token', token='nonsense')
        self.assert_refused('--token is empty', 'yunjian-collector enrol-token', token='')

    def test_a_token_that_is_used_up(self):
        token = self.token()
        self.assert_enrolled(token=token)
        code, said = self.enrol(token=token, state=f'{self.state()}.other', host='web-02')
        self.assertEqual(code, 1, said)
        self.assertIn('is used up (1 of 1)', said)

    def test_a_name_that_cannot_be_a_hosts(self):
        self.assert_refused('"Web 01" cannot be a host\'s name here', 'give one with --host',
                            host='Web 01')

    def test_a_network_where_nobody_answers(self):
        self.assert_refused('nobody answers there', 'check address, port and firewall',
                            collector=f'https://127.0.0.1:{lab.free_port()}')
        self.assert_refused('the name does not resolve', 'DNS',
                            collector='https://no-such-host.invalid:8444')

    def test_the_port_of_the_other_listener_and_another_scheme(self):
        self.assert_refused('api URL', 'right port',
                            collector=f'https://127.0.0.1:{self.lab.ingest_port}')
        self.assert_refused('must look like https://host:port',
                            collector=f'http://127.0.0.1:{self.lab.api_port}')

    def test_a_clock_that_is_far_off(self):
        # The agent says what its clock says; here that is said for it.
        with (self.lab.dir / 'key').open('wb') as key:
            subprocess.run(['openssl', 'genpkey', '-algorithm', 'ed25519', '-outform', 'DER'],
                           stdout=key, check=True)
        public = subprocess.run(['openssl', 'pkey', '-inform', 'DER', '-in', key.name, '-pubout',
                                 '-outform', 'DER'], capture_output=True, check=True).stdout[-32:]
        asked = {'token': self.token(), 'host': 'web-03', 'suite': 'ed25519-sha256',
                 'time': '2020-01-01T00:00:00.000000Z', 'key': self.base64(public),
                 'csr': self.request(key.name)}
        status, problem = self.post(asked)
        self.assertEqual(status, 409, problem)
        self.assertIn('clock says 2020-01-01T00:00:00.000000Z', problem['detail'])
        self.assertIn('clock', problem['type'])

    def base64(self, data):
        return subprocess.run(['openssl', 'base64', '-A'], input=data, capture_output=True,
                              check=True).stdout.decode()

    def request(self, key):
        return subprocess.run(['openssl', 'req', '-new', '-keyform', 'DER', '-key', key, '-subj',
                               '/CN=x'], capture_output=True, text=True, check=True).stdout

    def post(self, members):
        request = urllib.request.Request(
            self.lab.url + '/enrol/v1', data=json.dumps(members).encode(),
            headers={'Content-Type': 'application/json'})
        context = ssl.create_default_context(cafile=str(self.lab.ca))
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def test_after_any_failure_the_same_command_can_be_repeated(self):
        token = self.token()
        self.assert_refused('nobody answers', token=token,
                            collector=f'https://127.0.0.1:{lab.free_port()}')
        self.assert_refused('fingerprint', token=token, **{'ca-fingerprint': '0' * 64})
        self.assert_enrolled(token=token)
        self.assert_enrolled(token=token)


if __name__ == '__main__':
    unittest.main()
