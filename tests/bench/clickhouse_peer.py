"""The lines of the store bench in ClickHouse, from Debian's package: asked over HTTP on one kept
connection. The server runs on loopback out of a directory of the bench and is stopped by its id.
"""
import hashlib
import http.client
import os
import pathlib
import subprocess
import time
import urllib.parse

import lab
import store_peers

PROGRAM = '/usr/sbin/clickhouse-server'  # a package puts it there
ROWS_AT_ONCE = 200_000
DAY_US = 24 * 3600 * 1_000_000
SPAN_US = store_peers.DAYS * DAY_US
FIRST_US = 1772294400 * 1_000_000  # 2026-02-28T16:00:00Z, as store_main.cc

CONFIG = """<yandex>
  <logger><level>warning</level><log>{place}/log</log><errorlog>{place}/errors</errorlog></logger>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{place}/data/</path><tmp_path>{place}/tmp/</tmp_path>
  <users_config>{place}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>268435456</mark_cache_size>
  <compression><case>
    <min_part_size>0</min_part_size><min_part_size_ratio>0</min_part_size_ratio>
    <method>zstd</method>
  </case></compression>
</yandex>
"""
USERS = """<yandex>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks>
    <profile>default</profile><quota>default</quota>
  </default></users>
</yandex>
"""
TABLE = """CREATE TABLE logs (host String, time UInt64, program String, message String)
ENGINE = MergeTree() PARTITION BY intDiv(time, 2592000000000) ORDER BY (host, time)"""

FROM = FIRST_US + 15 * DAY_US
QUESTIONS = {  # as store_main.cc asks them
    'rare': f"SELECT message FROM logs WHERE position(message, '{store_peers.RARE}') > 0",
    'cjk': "SELECT message FROM logs WHERE position(message, '审核') > 0 "
    'ORDER BY time DESC LIMIT 100',
    'last': 'SELECT message FROM logs ORDER BY time DESC LIMIT 100',
    'hour': f"SELECT message FROM logs WHERE host = 'web-007' AND time >= {FROM} "
    f'AND time < {FROM + DAY_US // 24} ORDER BY time DESC LIMIT 1000',
    'regex': f'SELECT message FROM logs WHERE time >= {FROM} AND time < {FROM + DAY_US} '
    "AND match(message, 'port\\\\s2[0-9]22\\\\sssh2')",
    'count': "SELECT concat(toString(toDate(intDiv(time, 1000000), 'UTC')), ' ', program, ' ', "
    f'toString(count())) FROM logs GROUP BY intDiv(time, {DAY_US}), '
    "toDate(intDiv(time, 1000000), 'UTC'), program",
}


def program_of(text):
    """What stands before the first ': ', as corpus_record.cc takes it."""
    colon = text.find(': ')
    if colon < 0:
        return ''
    name = text[text.rfind(' ', 0, colon + 1) + 1 : colon]
    return name.split('[')[0]


def quoted(text):
    return text.replace('\\', '\\\\').replace('\t', '\\t')


class Server:
    def __init__(self, place):
        self.place = pathlib.Path(place)
        for folder in (self.place, self.place / 'data', self.place / 'tmp'):
            folder.mkdir()
        self.port = lab.free_port()
        config = CONFIG.format(place=place, http=self.port, tcp=lab.free_port())
        (self.place / 'config.xml').write_text(config)
        (self.place / 'users.xml').write_text(USERS)
        command = (PROGRAM, f'--config-file={self.place}/config.xml')
        self.process = subprocess.Popen(
            command, cwd=self.place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.connection = None
        lab.wait_until('ClickHouse', 60, self.answers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def answers(self):
        assert self.process.poll() is None, f'ClickHouse ended: see {self.place}/errors'
        try:
            return self.ask('SELECT 1') == b'1\n'
        except OSError:
            self.connection = None
            return False

    def ask(self, query, body=b''):
        if self.connection is None:
            self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=1200)
        path = '/?' + urllib.parse.urlencode({'query': query})
        self.connection.request('POST', path, body=body)
        answer = self.connection.getresponse()
        found = answer.read()
        assert answer.status == 200, (query, found[:2000])
        return found

    def cpu_seconds(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1]
        ticks = fields.split()
        return (int(ticks[11]) + int(ticks[12])) / os.sysconf('SC_CLK_TCK')

    def version(self):
        return self.ask('SELECT version()').decode().strip()


def load(server, corpus, size):
    """Bytes of plain text that were put in; joined to one part afterwards."""
    step = SPAN_US // size
    plain, rows = 0, []

    def put():
        data = ''.join(rows).encode()
        server.ask('INSERT INTO logs FORMAT TabSeparated', data)
        rows.clear()

    server.ask(TABLE)
    for number, (host, _, line) in enumerate(store_peers.dealt(corpus, size)):
        plain += len(line.encode()) + 1
        time_us = FIRST_US + step * number
        rows.append(f'web-{host:03}\t{time_us}\t{program_of(line)}\t{quoted(line)}\n')
        if len(rows) == ROWS_AT_ONCE:
            put()
    if rows:
        put()
    server.ask('OPTIMIZE TABLE logs FINAL')
    return plain


def hash_of(answer):
    lines = sorted(answer.splitlines())
    return hashlib.sha256(b''.join(line + b'\n' for line in lines)).hexdigest()


def clickhouse(directory, corpus, size, answers):
    if not pathlib.Path(PROGRAM).exists():
        return {}
    with Server(pathlib.Path(directory) / 'clickhouse') as server:
        who = 'clickhouse ' + server.version()
        before = server.cpu_seconds()
        plain = load(server, corpus, size)
        rows = {(who, 'load/records_per_cpu_s'): (size / (server.cpu_seconds() - before), '1/s')}
        active = 'SELECT sum(bytes_on_disk) FROM system.parts WHERE active'
        rows[who, 'disk/ratio'] = (plain / int(server.ask(active)), '1')
        for name, query in QUESTIONS.items():
            asked = f'{query} FORMAT TSVRaw'
            found = hash_of(server.ask(asked))
            assert found == answers[name], f'{name}: ClickHouse answers something else'
            rows |= store_peers.asked(who, name, lambda: server.ask(asked))
    return rows
