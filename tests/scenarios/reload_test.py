#!/usr/bin/env python3
"""SIGHUP while lines are written: a bad configuration is refused and the old one kept, a good one
changes the sources without losing or doubling a line, and both are sealed as `config` records.
"""
import json
import signal
import sys
import threading

import lab


def configuration(bench, *groups):
    text = f'state = "{bench.dir}/web-01"\n[journal]\nenabled = false\n[audit]\nenabled = false\n'
    for paths in groups:
        listed = ', '.join(f'"{path}"' for path in paths)
        text += f'[[file]]\npaths = [{listed}]\n'
    return text


class Story:
    def __init__(self, bench):
        self.bench, self.logs = bench, bench.dir / 'logs'
        self.logs.mkdir()
        self.path = bench.dir / 'web-01.toml'
        self.agent = bench.enrol('web-01')
        self.stop = threading.Event()
        self.written = {'a': 0, 'b': 0}

    def write(self, name):
        """Numbered lines until the story ends."""
        with (self.logs / f'{name}.log').open('a', buffering=1) as out:
            while not self.stop.wait(0.002):
                out.write(f'{name} {self.written[name]:06d}\n')
                self.written[name] += 1

    def reload(self, text):
        """Gives the agent another configuration; returns the new `config` record."""
        before = len(self.records('what: config'))
        self.path.write_text(text)
        self.agent.process.send_signal(signal.SIGHUP)
        lab.wait_until(
            'the config record', 60, lambda: len(self.records('what: config')) > before
        )
        return self.records('what: config')[-1]

    def records(self, query):
        items = sorted(self.bench.search(query), key=lambda item: item['number'])
        return [json.loads(item['line']) for item in items]

    def messages(self, name):
        return [record['message'] for record in self.records(f'log: "{self.logs}/{name}.log"')]


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        story = Story(bench)
        logs = story.logs
        both = [logs / 'a.log', logs / 'b.log']
        story.path.write_text(configuration(bench, both))
        story.agent.start()
        writers = [threading.Thread(target=story.write, args=name) for name in 'ab']
        for writer in writers:
            writer.start()
        lab.wait_until('first lines', 60, lambda: story.messages('b'))

        refused = story.reload(configuration(bench, both) + 'no_such_key = 1\n')
        assert refused['outcome'] == 'refused', refused
        assert 'line' in refused['detail'] and 'no_such_key' in refused['detail'], refused

        split = story.reload(configuration(bench, both[1:], both[:1]))
        assert split['outcome'] == 'accepted', split
        joined = story.reload(configuration(bench, [logs / '*.log']))
        assert str(logs / '*.log') in joined['added'], joined
        removed = story.reload(configuration(bench, both[:1]))
        assert '*.log' in removed['removed'], removed
        seen = len(story.messages('b'))
        back = story.reload(configuration(bench, both))
        assert back['outcome'] == 'accepted', back

        story.stop.set()
        for writer in writers:
            writer.join()
        for name, count in story.written.items():
            wanted = [f'{name} {number:06d}' for number in range(count)]
            lab.wait_until(
                f'all lines of {name}', 60, lambda: len(story.messages(name)) >= len(wanted)
            )
            assert story.messages(name) == wanted, name
        assert seen < story.written['b'], 'the removed file was read on'
        assert story.agent.stop() == 0, story.agent.tail()
        code, report = bench.audit_live('--state', bench.dir / 'auditor')
        assert code == 0, report
        print(f'{sum(story.written.values())} lines over 5 configurations: each once, in order')


if __name__ == '__main__':
    sys.exit(main())
