#!/usr/bin/env python3
"""Sources in front of a real agent and collector: what they write arrives byte for byte.

`logger` of this host over each syslog transport, seen on the wire by a second listener; a file of
OpenStack notifications. The agent is killed in between: what nobody heard is a gap record, and no
operation is lost or doubled.
"""
import json
import socket
import subprocess
import threading

import lab

LOGIN = {
    'message_id': '1c0f5a3e-7d8a-4cf7-9d2a-7c1f7d0e6b55',
    'publisher_id': 'identity.controller01',
    'event_type': 'identity.authenticate',
    'priority': 'INFO',
    'payload': {
        'typeURI': 'http://schemas.dmtf.org/cloud/audit/1.0/event',
        'eventType': 'activity',
        'eventTime': '2026-11-22T08:16:03.482113+00:00',
        'id': 'f0c4a5f5-3f3a-5b0b-8d53-2b1f8a5c6a10',
        'action': 'authenticate',
        'outcome': 'success',
        'initiator': {'id': 'b1f6a0b9', 'name': '张三', 'typeURI': 'service/security/account/user'},
        'target': {'id': 'openstack:7a3d', 'typeURI': 'service/security/account/user'},
        'observer': {'id': 'openstack:3d4a', 'typeURI': 'service/security'},
    },
    'timestamp': '2026-11-22 08:16:04.001200',
}

TEXTS = ['plain words', '用户 "ops" 提交\\了\t申请', 'x' * 900]


class Wire:
    """Hears the same logger command once more and keeps its bytes: what arrives must be these."""

    def __init__(self, kind, path):
        family = socket.AF_UNIX if path else socket.AF_INET
        self.stream = kind == 'tcp'
        shape = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
        self.socket = socket.socket(family, shape)
        self.socket.bind(str(path) if path else ('127.0.0.1', 0))
        self.socket.settimeout(20)
        if self.stream:
            self.socket.listen(1)

    def port(self):
        return self.socket.getsockname()[1]

    def hear(self, send):
        got = []

        def receive():
            if not self.stream:
                got.append(self.socket.recv(65536))
                return
            with self.socket.accept()[0] as connection:
                data = b''
                while chunk := connection.recv(65536):
                    data += chunk
                got.append(data)

        thread = threading.Thread(target=receive)
        thread.start()
        send()
        thread.join()
        return got[0]


def unframed(data, framing):
    if framing == 'lines':
        assert data.endswith(b'\n'), data
        return data[:-1]
    if framing == 'counted':
        count, message = data.split(b' ', 1)
        assert int(count) == len(message), data
        return message
    return data


def without_time(message):
    """Both commands run at different moments, as different processes."""
    words = message.split(' ')
    if words[0].endswith('>1'):
        words[1] = 'time'
        return ' '.join(word for word in words if not word.startswith('[timeQuality'))
    head, rest = message.split('>', 1)
    return head + rest[len('Aaa 00 00:00:00'):]


def transports(udp, tcp, path):
    """(log, logger's arguments, framing) of each."""
    for form in ('--rfc3164', '--rfc5424=notq'):
        server = ['--server', '127.0.0.1', form]
        yield 'udp', '127.0.0.1', server + ['--udp', '--port', udp], 'datagram'
        yield 'tcp', '127.0.0.1', server + ['--tcp', '--port', tcp], 'lines'
        yield 'tcp', '127.0.0.1', server + ['--tcp', '--octet-count', '--port', tcp], 'counted'
        yield 'unix', str(path), ['--socket', str(path), form], 'datagram'


def logger(arguments, text):
    command = ['logger', '--id=4711', '--tag', 'scenario', '--priority', 'auth.warning']
    command += ['--size', '4096', *map(str, arguments), '--', text]
    subprocess.run(command, check=True, timeout=30)


def expected(kind, arguments, framing, text, directory):
    """What logger puts on the wire, and the fields that it states."""
    path = directory / 'wire' if kind == 'unix' else None
    if path and path.exists():
        path.unlink()
    wire = Wire(kind, path)
    again = list(map(str, arguments))
    if path:
        again[again.index('--socket') + 1] = str(path)
    else:
        again[again.index('--port') + 1] = str(wire.port())
    data = wire.hear(lambda: logger(again, text))
    wire.socket.close()
    return unframed(data, framing).decode('utf-8')


def records(bench, query):
    return [json.loads(item['line']) for item in bench.search(query)]


def gaps(bench, cause):
    return [record for record in records(bench, 'source: syslog')
            if record.get('what') == 'gap' and record['cause'] == cause]


def write_operations(path, numbers):
    """Appends one notification for each number; returns the lines."""
    lines = []
    for number in numbers:
        LOGIN['message_id'] = f'message-{number}'
        lines.append(json.dumps(LOGIN, ensure_ascii=number % 2 == 0))
    with path.open('a', encoding='utf-8') as out:
        out.write(''.join(line + '\n' for line in lines))
    return lines


def main():
    with lab.Lab(lab.bin_directory()) as bench:
        udp, tcp = lab.free_port(), lab.free_port()
        path = bench.dir / 'log'
        listen = f'["udp://127.0.0.1:{udp}", "tcp://127.0.0.1:{tcp}", "unix:{path}"]'
        bench.init()
        bench.start_collector()
        agent = bench.enrol('web-01', '[journal]\nenabled = false\n[audit]\nenabled = false\n'
                            f'[[syslog]]\nlisten = {listen}\n'
                            f'[[platform]]\nform = "openstack"\n'
                            f'paths = ["{bench.dir}/notify.log*"]\n')
        notify = bench.dir / 'notify.log'
        operations = write_operations(notify, range(50))
        agent.start()
        lab.wait_until('the agent listens', 60, path.is_socket)

        wanted = []
        for kind, log, arguments, framing in transports(udp, tcp, path):
            for text in TEXTS:
                logger(arguments, text)
                wanted.append((log, expected(kind, arguments, framing, text, bench.dir)))

        def arrived():
            return [record for record in records(bench, 'source: syslog')
                    if record['kind'] == 'event']

        found = lab.wait_until('all messages', 60,
                               lambda: len(arrived()) >= len(wanted) and arrived())
        key = lambda pair: (pair[0], without_time(pair[1]))
        got = sorted(key((record['log'], record['message'])) for record in found)
        assert got == sorted(map(key, wanted)), (got, sorted(map(key, wanted)))
        for record in found:
            stated = (record['severity'], record['facility'], record['process.name'])
            assert stated == (4, 4, 'scenario'), record
            if record['log'] == '127.0.0.1':
                assert record['process.pid'] == 4711, record

        assert not gaps(bench, 'not-replayable')
        agent.kill()
        operations += write_operations(notify, range(50, 60))
        notify.rename(bench.dir / 'notify.log.1')
        operations += write_operations(notify, range(60, 100))
        agent.start()
        lab.wait_until('the gap record', 60, lambda: gaps(bench, 'not-replayable'))
        lab.wait_until('all receipts', 60, lambda: bench.audit_live()[0] == 0)
        assert agent.stop() == 0
        found = lab.wait_until('all operations', 60, lambda: len(
            records(bench, 'source: platform')) >= len(operations)
            and records(bench, 'source: platform'))
        assert sorted(record['message'] for record in found) == sorted(operations)
        for record in found:
            assert record['process.name'] == 'identity.controller01', record
            assert record['time'] == '2026-11-22T08:16:03.482113Z', record
    print(f'{len(operations)} operations and {len(wanted)} messages arrived byte for byte')


if __name__ == '__main__':
    main()
