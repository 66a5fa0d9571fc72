#!/usr/bin/env python3
"""A cursor that was given while records lay in the WAL goes on wherever they lie later.

Two walks over the same thousand lines, oldest and newest first, begin while all of them are in the
WAL. Then so much more comes that their segment becomes parts, and the collector is killed and
started again. Each walk ends with every line once and in order, whatever came meanwhile.
"""
import json
import sys
import urllib.parse

import lab

LINES = 1000
MORE = 30000  # what does not compress of them is more than a segment of the WAL
PAGE = 70


class Walk:
    """Pages of one question, one after another; remembers the lines."""

    def __init__(self, bench, log, order):
        self.bench, self.order, self.numbers, self.cursor = bench, order, [], None
        self.asked = {'q': f'log: "{log}"', 'order': order, 'limit': PAGE}

    def page(self):
        asked = dict(self.asked, **({'cursor': self.cursor} if self.cursor else {}))
        status, body = self.bench.get('/v1/search?' + urllib.parse.urlencode(asked))
        assert status == 200, body
        page = json.loads(body)
        for item in page['items']:
            self.numbers.append(int(json.loads(item['line'])['message'].split()[0]))
        self.cursor = page.get('cursor')
        return self.cursor is not None

    def go_to_its_end(self):
        while self.page():
            assert len(self.numbers) <= LINES, 'more lines than there are'
        wanted = list(range(LINES))
        assert self.numbers == (wanted if self.order == 'asc' else wanted[::-1]), self.order


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        log, more = bench.dir / 'a.txt', bench.dir / 'more.txt'
        lab.append_salted(log, 0, LINES)
        agent = bench.enrol('web-01', lab.one_file(log))
        agent.start()
        lab.wait_until('its lines', 60, lambda: lab.records_of(bench, log) == LINES)
        first = bench.dir / 'collector/wal/0000000000000000.seg'
        walks = [Walk(bench, log, order) for order in ('asc', 'desc')]
        for walk in walks:
            assert walk.page() and walk.page()
        assert first.exists() and not list((bench.dir / 'collector').glob('parts/*.part'))

        lab.append_salted(more, 0, MORE)
        other = bench.enrol('web-02', lab.one_file(more))
        other.start()
        lab.wait_until('the lines of the other host', 120,
                       lambda: lab.records_of(bench, more) == MORE)
        lab.wait_until('parts instead of the WAL', 120, lambda: not first.exists())
        for walk in walks:
            assert walk.page() and walk.page()
        bench.collector.kill()
        bench.start_collector()
        for walk in walks:
            walk.go_to_its_end()
        for program in (agent, other, bench.collector):
            assert program.stop() == 0, program.tail()
        print(f'{LINES} lines once and in order, both ways, from the WAL into parts, over a kill')


if __name__ == '__main__':
    sys.exit(main())
