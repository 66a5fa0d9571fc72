"""A laboratory of real programs on loopback: one collector, agents, the auditor; all below one
directory.

Nothing here sleeps for luck: every wait is for a condition, with a limit. Every process is stopped
by its id.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

UNIT = 'water-bureau'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_until(what, seconds, condition):
    """Value of condition() once it is true; AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'waited {seconds} s in vain for {what}'
        time.sleep(0.02)


def write_secret(path, text):
    """A file that nobody else may read, as the programs want those with secrets."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as out:
        out.write(text)


def one_file(log):
    """Configuration of an agent that follows one file and nothing else."""
    return f'[journal]\nenabled = false\n[usage]\nenabled = false\n[[file]]\npaths = ["{log}"]\n'


def append_salted(log, first, count):
    """Numbered lines that hardly compress, so that the WAL gets long enough to become parts."""
    with log.open('a') as out:
        for number in range(first, first + count):
            salt = hashlib.sha256(f'{log} {number}'.encode()).hexdigest()
            out.write(f'{number:06d} {salt}\n')


def records_of(bench, log):
    """How many records of this file search can count."""
    asked = urllib.parse.urlencode({'q': f'log: "{log}"'})
    status, body = bench.get(f'/v1/hits?{asked}')
    assert status == 200, body
    return sum(item['records'] for item in json.loads(body)['items'])


class Program:
    """One process that may be killed and started again; its output goes to a file."""

    def __init__(self, name, command, directory):
        self.name, self.command = name, [str(part) for part in command]
        self.log = pathlib.Path(directory) / f'{name}.log'
        self.process = None

    def start(self, **environment):
        """With more of an environment than this process has."""
        with self.log.open('ab') as out:
            self.process = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
            )

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds=30):
        """SIGTERM; returns the exit code."""
        if not self.alive():
            return self.process.returncode if self.process else None
        self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f'{self.name} did not stop within {seconds} s: {self.tail()}')

    def tail(self, lines=8):
        text = self.log.read_text(errors='replace') if self.log.exists() else ''
        return ' | '.join(text.splitlines()[-lines:])


class Lab:
    def __init__(self, bin_directory, directory=None):
        self.bin = pathlib.Path(bin_directory).resolve()
        self.own = directory is None
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix='yunjian-lab-'))
        self.dir.mkdir(parents=True, exist_ok=True)
        self.ingest_port, self.api_port = free_port(), free_port()
        self.url = f'https://127.0.0.1:{self.api_port}'
        self.programs = []
        self.collector = self.add(
            'collector',
            [self.bin / 'yunjian-collector', 'serve', '--config', self.dir / 'collector.toml'],
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for program in reversed(self.programs):
            if program.alive():
                program.kill()
        if self.own and kind is None:
            shutil.rmtree(self.dir, ignore_errors=True)
        elif kind is not None:
            print(f'kept for a look: {self.dir}')

    def add(self, name, command):
        program = Program(name, command, self.dir)
        self.programs.append(program)
        return program

    def run(self, *command, code=0):
        """Standard output of a command that must end with `code`."""
        done = subprocess.run(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
        )
        assert (
            done.returncode == code
        ), f'{command} ended with {done.returncode}: {done.stderr or done.stdout}'
        return done.stdout

    # ---- collector
    # --------------------------------------------------------------------------------

    def run_init(self, suite, origin):
        self.run(
            self.bin / 'yunjian-collector',
            'init',
            '--data',
            self.dir / 'collector',
            '--origin',
            origin,
            '--anchor',
            self.dir / 'anchor',
            '--name',
            'localhost',
            '--name',
            '127.0.0.1',
            '--suite',
            suite,
        )

    def init(self, suite='ed25519-sha256', origin='lab.example', make=None):
        """`make(suite, origin)` makes the log instead of `init`, with the configuration there."""
        (self.dir / 'collector.toml').write_text(
            f'data = "{self.dir}/collector"\nanchor = "{self.dir}/anchor"\n'
            f'[ingest]\nlisten = "127.0.0.1:{self.ingest_port}"\n'
            f'urls = ["https://127.0.0.1:{self.ingest_port}"]\n'
            f'[api]\nlisten = "127.0.0.1:{self.api_port}"\n'
        )
        if make:
            make(suite, origin)
        else:
            self.run_init(suite, origin)
        self.vkey = json.loads((self.dir / 'collector' / 'log.json').read_text())['vkey']
        self.ca = self.dir / 'collector' / 'tls' / 'ca.crt'
        self.token = (self.dir / 'collector' / 'token').read_text().strip()
        write_secret(self.dir / 'token', self.token + '\n')
        if not make:
            (self.dir / 'units.csv').write_text(f'id,name,county\n{UNIT},水务局,\n')
            self.collect('unit', 'import', self.dir / 'units.csv')

    def collect(self, *arguments):
        return self.run(
            self.bin / 'yunjian-collector', *arguments, '--config', self.dir / 'collector.toml'
        )

    def start_collector(self):
        self.collector.start()
        self.wait_collector()

    def wait_collector(self, seconds=60):
        def ready():
            assert self.collector.alive(), f'the collector ended: {self.collector.tail()}'
            try:
                return self.get('/healthz')[0] == 200
            except OSError:
                return False

        wait_until('the collector', seconds, ready)

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.ca))

    def get(self, path, token=None, accept=None):
        """(status, body) of an API request."""
        context = self.tls_context()
        request = urllib.request.Request(
            self.url + path, headers={'Authorization': f'Bearer {token or self.token}'}
        )
        if accept:
            request.add_header('Accept', accept)
        try:
            with urllib.request.urlopen(request, context=context, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def search(self, query, limit=10000, **parameters):
        """All items that match, oldest first, through as many pages as there are."""
        items, cursor = [], None
        while True:
            asked = dict(parameters, q=query, order='asc', limit=limit)
            if cursor:
                asked['cursor'] = cursor
            status, body = self.get('/v1/search?' + urllib.parse.urlencode(asked))
            assert status == 200, body
            page = json.loads(body)
            items += page['items']
            cursor = page.get('cursor')
            if not cursor:
                return items

    # ---- agents
    # -----------------------------------------------------------------------------------

    def fingerprint(self):
        """SHA-256 of the CA certificate, as an operator would read it out."""
        asked = ('openssl', 'x509', '-in', self.ca, '-noout', '-fingerprint', '-sha256')
        return self.run(*asked).split('=')[1].strip()

    def enrol(self, name, config=''):
        """A new agent of host `name`; returns its program, not started. `config` is more TOML."""
        token = self.collect('enrol-token', '--unit', UNIT).strip().splitlines()[-1]
        state = self.dir / name
        self.run(
            self.bin / 'yunjian-agent',
            'enrol',
            '--collector',
            self.url,
            '--token',
            token,
            '--ca-fingerprint',
            self.fingerprint(),
            '--state',
            state,
            '--host',
            name,
        )
        path = self.dir / f'{name}.toml'
        path.write_text(f'state = "{state}"\n{config}')
        return self.add(name, [self.bin / 'yunjian-agent', 'run', '--config', path])

    def status(self, name='web-01'):
        """What an agent tells people of itself; {} before it first does."""
        path = self.dir / name / 'status.json'
        return json.loads(path.read_text()) if path.exists() else {}

    def enrol_again(self, name, *token_options, host=None):
        """Enrols the stopped agent `name` with a new token made with `token_options`."""
        options = token_options or ('--unit', UNIT)
        token = self.collect('enrol-token', *options).strip().splitlines()[-1]
        self.run(
            *(self.bin / 'yunjian-agent', 'enrol', '--collector', self.url, '--token', token),
            *('--ca-fingerprint', self.fingerprint(), '--state', self.dir / name),
            *('--host', host or name),
        )

    # ---- auditor
    # ----------------------------------------------------------------------------------

    def audit(self, *arguments):
        """(exit code, JSON) of yunjian-audit verify."""
        done = subprocess.run(
            [
                str(self.bin / 'yunjian-audit'),
                'verify',
                '--vkey',
                self.vkey,
                '--json',
                *map(str, arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout else {'error': done.stderr}

    def audit_live(self, *more):
        return self.audit(
            '--collector', self.url, '--ca', self.ca, '--token-file', self.dir / 'token', *more
        )


def bin_directory():
    """Where the programs are: YUNJIAN_BIN, or the release build."""
    root = pathlib.Path(__file__).resolve().parents[2]
    return os.environ.get('YUNJIAN_BIN', root / 'build' / 'release' / 'bin')
