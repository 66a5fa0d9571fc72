#!/usr/bin/env python3
"""Alert rules, dashboard and the list of metrics are about what a running collector tells."""

import json
import os
import re
import shutil
import sys
import unittest
from pathlib import Path

import needs

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'scenarios'))
import lab  # noqa: E402

MONITORING = needs.PACKAGING / 'monitoring'
NAME = re.compile(r'\byunjian_[a-z_]+')


def text_of(name):
    return (MONITORING / name).read_text(encoding='utf-8')


def listed():
    """Name -> (type, labels) of the table in the README."""
    rows = re.findall(r'^\| `(yunjian_\w+)` \| (\w+) \|([^|]*)\|([^|]+)\|([^|]+)\|$',
                      text_of('README.md'), re.MULTILINE)
    return {name: (kind, frozenset(re.findall(r'`(\w+)`', labels)))
            for name, kind, labels, _, _ in rows}


def told():
    """The same of a collector that runs, and the samples that it gives."""
    with lab.Lab(os.environ['YUNJIAN_BIN']) as home:
        home.init()
        home.start_collector()
        status, body = home.get('/metrics')
        home.collector.stop()
    if status != 200:
        raise AssertionError(f'/metrics answers {status}')
    text = body.decode()
    found = {name: [kind, frozenset()] for name, kind in
             re.findall(r'^# TYPE (\w+) (\w+)$', text, re.MULTILINE)}
    for name, labels in re.findall(r'^(yunjian_\w+)\{(.*)\} ', text, re.MULTILINE):
        found[name][1] = frozenset(re.findall(r'(\w+)=', labels))
    return {name: tuple(about) for name, about in found.items()}


def expressions():
    """(where, expression) of every rule and panel."""
    yield from re.findall(r'alert: (\w+)\n +expr: (?:>-\n)?(.*(?:\n {10}.*)*)',
                          text_of('alerts.yml'))
    for panel in json.loads(text_of('dashboard.json'))['panels']:
        for target in panel['targets']:
            yield panel['title'], target['expr']


class MonitoringTest(unittest.TestCase):
    def test_the_list_names_every_metric_with_its_type_and_labels(self):
        self.assertEqual(listed(), told())

    def test_rules_and_panels_ask_for_metrics_that_exist(self):
        known, seen = listed(), 0
        for where, expression in expressions():
            names = set(NAME.findall(expression))
            self.assertLessEqual(names, set(known), where)
            labels = set(re.findall(r'(\w+)(?:!?=~?)"', expression))
            labels |= set(re.findall(r'by \((\w+)\)', expression))
            allowed = {'job'}.union(*(known[name][1] for name in names))
            self.assertLessEqual(labels, allowed, where)
            seen += 1
        self.assertGreaterEqual(seen, 30)

    def test_every_alert_leads_to_a_part_of_the_runbook(self):
        runbook = (needs.PACKAGING / 'README.md').read_text(encoding='utf-8')
        parts = set(re.findall(r'^\*\*(.+?)\.\*\*', runbook, re.MULTILINE))
        wanted = set(re.findall(r'^ +runbook: (.*)$', text_of('alerts.yml'), re.MULTILINE))
        self.assertLessEqual(wanted, parts)

    def test_every_alert_is_tested_ringing_and_quiet(self):
        alerts = re.findall(r'alert: (\w+)', text_of('alerts.yml'))
        tests = text_of('alerts_test.yml')
        for alert in alerts:
            self.assertEqual(len(re.findall(rf'alertname: {alert}\b', tests)), 2, alert)

    def test_panels_have_a_place_and_a_meaning(self):
        board = json.loads(text_of('dashboard.json'))
        self.assertEqual([panel['id'] for panel in board['panels']],
                         list(range(1, len(board['panels']) + 1)))
        taken = set()
        for panel in board['panels']:
            place = panel['gridPos']
            cells = {(x, y) for x in range(place['x'], place['x'] + place['w'])
                     for y in range(place['y'], place['y'] + place['h'])}
            self.assertFalse(cells & taken, panel['title'])
            self.assertLessEqual(place['x'] + place['w'], 24)
            self.assertTrue(panel['description'] and panel['fieldConfig']['defaults']['unit'])
            taken |= cells

    def test_promtool_takes_the_rules_and_their_tests(self):
        if shutil.which('promtool') is None:
            self.skipTest('promtool is not there; packaging/install-packages monitoring')
        for command in (('check', 'rules', 'alerts.yml'), ('test', 'rules', 'alerts_test.yml')):
            code, said = needs.run('promtool', *command, cwd=MONITORING)
            self.assertEqual(code, 0, said)


if __name__ == '__main__':
    unittest.main()
