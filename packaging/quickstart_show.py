#!/usr/bin/env python3
"""quickstart_show.py DIR COMMAND: asks the collector of a quickstart and prints for people.

ready | vkey | arrived SINCE | hour SINCE | sources | checkpoint | search | table
Ends with 1 when what is asked for is not there.
"""

import collections
import json
import re
import ssl
import sys
import urllib.parse
import urllib.request
from pathlib import Path

PAGE = 10_000


class Collector:
    """The audit API with the credentials that lie in DIR."""

    def __init__(self, directory):
        self.directory = Path(directory)

    def text(self, name):
        return (self.directory / name).read_text(encoding='utf-8').strip()

    def get(self, path, accept='application/json', **parameters):
        url = self.text('url') + path
        if parameters:
            url += '?' + urllib.parse.urlencode(parameters)
        request = urllib.request.Request(url, headers={
            'Authorization': 'Bearer ' + self.text('token'), 'Accept': accept})
        context = ssl.create_default_context(cafile=self.directory / 'ca.pem')
        with urllib.request.urlopen(request, context=context, timeout=30) as answer:
            return answer.read().decode('utf-8')

    def search(self, query, limit=None, **parameters):
        """Items of all pages, or the first `limit`."""
        given = 0
        while True:
            answer = json.loads(self.get('/v1/search', q=query, limit=limit or PAGE, **parameters))
            for item in answer['items']:
                yield item
            given += len(answer['items'])
            if not answer.get('cursor') or (limit and given >= limit):
                return
            parameters['cursor'] = answer['cursor']


def record_of(item):
    try:
        return json.loads(item['line'])
    except ValueError:
        return {}


def ready(collector):
    collector.get('/healthz')
    return True


def vkey(collector):
    print(json.loads(collector.text('collector/log.json'))['vkey'])
    return True


def arrived(collector, since):
    return any(True for _ in collector.search('kind: agent', limit=1, **{'from': since}))


def hour(collector, since):
    """The stop record is sealed after the hour, so both are there with it."""
    whats = {record_of(item).get('what')
             for item in collector.search('kind: agent', **{'from': since})}
    return 'stop' in whats


def sources(collector):
    counts = collections.Counter()
    for item in collector.search(''):
        record = record_of(item)
        counts[(record.get('kind', '?'), record.get('source', record.get('what', '')),
                record.get('log', ''))] += 1
    for (kind, source, log), count in sorted(counts.items()):
        print(f'{count:>9}  {kind:<11} {source:<10} {log}'.rstrip())
    print(f'{sum(counts.values()):>9}  in all')
    return counts.total() > 0


def checkpoint(collector):
    print(collector.get('/checkpoint'), end='')
    return True


def telling_word(collector):
    """(word, item): the longest word of the newest log lines, and a line that has it."""
    items = list(collector.search('kind: event', limit=50)) or \
        list(collector.search('kind: agent', limit=50))
    words = [(word, item) for item in items
             for word in re.findall(r'[a-z][a-z0-9_]{2,39}',
                                    (record_of(item).get('message') or
                                     record_of(item).get('what', '')).lower())]
    return max(words, key=lambda pair: len(pair[0]), default=(None, None))


def search(collector):
    """Searches one word of this host's newest log lines and expects that line again."""
    word, wanted = telling_word(collector)
    if word is None:
        print('no record to search for')
        return False
    items = list(collector.search(word, limit=PAGE))
    print(f'GET /v1/search?q={word}: {len(items)} found; the newest:')
    for item in items[:3]:
        print(f'  {item["received"]} {item["host"]} {item["stream"]} #{item["number"]}')
        print('  ' + (line if len(line := item['line']) <= 400 else line[:400] + ' …'))
    found = any((item['stream'], item['number']) == (wanted['stream'], wanted['number'])
                for item in items)
    if not found:
        print(f'not found again: {wanted["stream"]} #{wanted["number"]}')
    return found


def figure(row, *path, unit=''):
    """A number of the row, or a dash when it was not measured: that is not 0."""
    for key in path:
        row = (row or {}).get(key)
    return '-' if row is None else f'{row:g}{unit}'


def table(collector):
    path = collector.directory / 'report' / 'utilization.json'
    report = json.loads(path.read_text(encoding='utf-8'))
    provisional = ', provisional: the month is still running' if report['provisional'] else ''
    print(f'{report["month"]}{provisional}; {len(report["rows"])} rows; first rows:')
    for row in report['rows'][:5]:
        print(f'  {row["host"]} ({row["unit_name"]}, {row["system"]}): '
              f'{row["judgement"]["verdict"]}')
        for name in ('cpu', 'memory'):
            print(f'    {name:<8} mean {figure(row, name, "mean_percent", unit=" %")}, '
                  f'P95 {figure(row, name, "p95_percent", unit=" %")}, '
                  f'P99 {figure(row, name, "p99_percent", unit=" %")}, '
                  f'peak {figure(row, name, "peak_percent", unit=" %")} '
                  f'at {(row.get(name) or {}).get("peak_at") or "-"}')
        print(f'    disk     P95 {figure(row, "disk", "bytes_per_s_p95", unit=" B/s")}, '
              f'network P95 in {figure(row, "network", "in_bytes_per_s_p95", unit=" B/s")}, '
              f'out {figure(row, "network", "out_bytes_per_s_p95", unit=" B/s")}')
        print(f'    measured {figure(row, "measured_s", unit=" s")}, '
              f'coverage {figure(row, "coverage_percent", unit=" %")}')
        print('    ' + row['judgement']['explanation']['zh'])
    print(f'files: {path}, utilization.xlsx')
    return any(row['state'] == 'measured' for row in report['rows'])


COMMANDS = (ready, vkey, arrived, hour, sources, checkpoint, search, table)


def main():
    if len(sys.argv) < 3 or sys.argv[2] not in {command.__name__ for command in COMMANDS}:
        sys.exit(__doc__)
    command = next(c for c in COMMANDS if c.__name__ == sys.argv[2])
    try:
        sys.exit(0 if command(Collector(sys.argv[1]), *sys.argv[3:]) else 1)
    except OSError as error:
        sys.exit(f'{command.__name__}: {error}')


if __name__ == '__main__':
    main()
