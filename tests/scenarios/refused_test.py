#!/usr/bin/env python3
"""An agent that the collector takes no more, one because it was revoked, one because its host was
retired: it says so by itself in its log, in `status` and in its stop record, goes on sealing, and
asks again no more often than every two and a half minutes. A new token mends it: what a revoked
agent sealed meanwhile is there, the stop record too; what a retired one sealed behind the end of
its stream is named by a gap record, and its lines are read again.
"""
import json
import re
import sys

import lab

HOSTS = {'sold-01': 'revoked', 'gone-01': 'retired'}


def identity(bench, host):
    return json.loads((bench.dir / host / 'identity.json').read_text())


def append(bench, host, words):
    with (bench.dir / f'{host}.lines').open('a') as out:
        out.write(f'{host} {words}\n')


def arrived(bench, host, words):
    return bench.search(f'source: file and "{host} {words}"')


def refused_posts(bench):
    text = bench.get('/metrics')[1].decode()
    name = r'^yunjian_ingest_posts_refused_total\{reason="certificate"\} (\d+)'
    return int(re.search(name, text, re.M).group(1))


def end(bench, host):
    agent = identity(bench, host)['agent']
    if HOSTS[host] == 'revoked':
        bench.collect('agent', 'revoke', agent, '--reason', 'sold')
    else:
        bench.collect('host', 'retire', '--agent', agent)


def says_so(bench, agent, host):
    """In its status file, its log, to people, and to those who read its stop record later."""
    append(bench, host, 'sealed though nobody takes it')
    lab.wait_until('the state', 60, lambda: bench.status(host).get('state') == 'refused')
    now = bench.status(host)
    assert 'enrol again with a new token' in now['last_error'], now
    told = bench.run(bench.bin / 'yunjian-agent', 'status', '--config', bench.dir / f'{host}.toml')
    assert 'running, refused' in told and 'new token' in told, told
    # Another seal does not make it ask again.
    append(bench, host, 'sealed a while later')
    lab.wait_until(
        'a later seal', 30, lambda: bench.status(host)['records'] > now['records']
    )
    said = agent.log.read_text().count('not shipped:')
    assert said == 1, f'said {said} times: {agent.tail()}'
    assert agent.stop() == 0, agent.tail()


def mended(bench, agent, host):
    old = identity(bench, host)
    bench.enrol_again(host, '--agent', old['agent'])
    agent.start()
    lab.wait_until('the last line', 60, lambda: arrived(bench, host, 'sealed a while later'))
    assert len(arrived(bench, host, 'sealed though nobody takes it')) >= 1
    stream = f'{old["agent"]}.{old["incarnation"]}'
    if HOSTS[host] == 'revoked':
        told = [item for item in bench.search('what: stop') if item['stream'] == stream]
        assert 'new token' in json.loads(told[-1]['line'])['not_shipped'], told
    else:
        # A retired stream has ended: what was sealed behind its end is named by the new one.
        def named():
            gaps = [json.loads(item['line']) for item in bench.search('what: gap')]
            return [gap for gap in gaps if gap.get('stream') == stream]

        gaps = lab.wait_until('the gap record', 60, named)
        assert len(gaps) == 1 and gaps[0]['cause'] == 'not-shipped', gaps
    assert agent.stop() == 0, agent.tail()


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        bench.init()
        bench.start_collector()
        agents = {}
        for host in HOSTS:
            (bench.dir / f'{host}.lines').write_text('')
            agents[host] = bench.enrol(host, lab.one_file(bench.dir / f'{host}.lines'))
            agents[host].start()
            append(bench, host, 'before')
        for host in HOSTS:
            lab.wait_until('the first line', 60, lambda: arrived(bench, host, 'before'))
            end(bench, host)
            says_so(bench, agents[host], host)
        asked = refused_posts(bench)
        assert asked == len(HOSTS), f'{asked} posts of {len(HOSTS)} agents that are refused'
        for host in HOSTS:
            mended(bench, agents[host], host)
        print(f'{len(HOSTS)} agents refused: said so, asked once each, mended by a token')


if __name__ == '__main__':
    sys.exit(main())
