#!/usr/bin/env python3
"""What the agent decodes of audit events is what `ausearch -i` (libauparse) makes of them: hex
arguments, names of system calls on three architectures, paths, accounts, addresses, results.

ausearch comes from Debian's packages, unpacked and not installed. Where it cannot be had the test
says SKIPPED and why.
"""
import json
import pwd
import re
import shlex
import subprocess
import sys

import debian_tools
import lab

START = 1764403200
IDS = 'uid={0} gid={0} euid={0} suid={0} fsuid={0} egid={0} sgid={0} fsgid={0}'


def hexed(text):
    return text.encode().hex().upper()


def call(arch, number, uid=0, auid=0, rest='', result='success=yes exit=0'):
    return (
        f'SYSCALL arch={arch} syscall={number} {result} a0=55d0 a1=55d1 a2=55d2 a3=8 items=2'
        f' ppid=100 pid=101 auid={auid} {IDS.format(uid)} tty=pts0 ses=3 {rest} subj=unconfined'
    )


def user(kind, message, auid=0):
    return f"{kind} pid=9 uid=0 auid={auid} ses=2 subj=unconfined msg='{message}'"


DENIED = 'success=no exit=-13'
WEIRD = f'exe={hexed("/opt/a b/x")}'
TWO_KEYS = f' key={hexed("one" + chr(1) + "two")}'
EVENTS = [
    [
        call('c000003e', 59, rest='comm="vim" exe="/usr/bin/vim.basic"') + ' key="exec"',
        f'EXECVE argc=3 a0="vim" a1={hexed("/etc/my file")} a2={hexed("用户")}',
        f'CWD cwd={hexed("/root/a b")}',
        f'PATH item=0 name={hexed("/etc/my file")} inode=1 dev=fe:01 mode=0100644 nametype=NORMAL',
        f'PROCTITLE proctitle={hexed("vim" + chr(0) + "/etc/my file")}',
    ],
    [
        call('40000003', 11, 33, 4294967295, f'comm={hexed("my prog")} {WEIRD}', DENIED)
        + ' key=(null)',
        'PROCTITLE proctitle="sh"',
    ],
    [call('c00000b7', 221, rest='comm="ls" exe="/bin/ls"') + TWO_KEYS],
    [
        call('c000003e', 42, rest='comm="curl" exe="/usr/bin/curl"', result='success=no exit=-111')
        + ' key="net"',
        'SOCKADDR saddr=020001BB0A0102030000000000000000',
    ],
    [
        call('c000003e', 42, rest='comm="curl" exe="/usr/bin/curl"') + ' key="net"',
        'SOCKADDR saddr=0A0000350000000020010DB800000000000000000000000100000000',
    ],
    [
        call('c000003e', 257, rest='comm="cat" exe="/usr/bin/cat"', result='success=no exit=-2'),
        'CWD cwd="/"',
        'PATH item=0 name="/etc/" nametype=PARENT',
        'PATH item=1 name="/etc/none" nametype=UNKNOWN',
    ],
    [user('USER_LOGIN', f'op=login acct={hexed("li si")} exe="/usr/sbin/sshd" hostname=? '
                        'addr=10.1.2.3 terminal=sshd res=failed', 4294967295)],
    [user('USER_CMD', f'cwd="/root" cmd={hexed("cat /etc/a b")} exe="/usr/bin/sudo" '
                      'terminal=pts/0 res=success')],
    [user('ADD_USER', 'op=add-user acct="bob" exe="/usr/sbin/useradd" hostname=web addr=? '
                      'terminal=pts/0 res=success')],
]

# Field of ours: names that ausearch gives it.
SAME = {
    'audit.syscall': ['syscall'],
    'audit.comm': ['comm'],
    'audit.exe': ['exe'],
    'audit.cwd': ['cwd'],
    'audit.acct': ['acct'],
    'audit.addr': ['addr', 'laddr'],
    'audit.port': ['lport'],
    'audit.hostname': ['hostname'],
    'audit.op': ['op'],
    'audit.pid': ['pid'],
    'audit.ppid': ['ppid'],
    'audit.path': ['name'],
}


def interpreted(program, environment, path):
    """{serial: text} of ausearch -i."""
    done = subprocess.run(
        [program, '-i', '-if', str(path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    events = {}
    for line in done.stdout.splitlines():
        if found := re.search(r'msg=audit\([^)]*:(\d+)\)', line):
            events[int(found[1])] = events.get(int(found[1]), '') + line + ' \n'
    return events


def words_of(command):
    """Our command as the words it stands for."""
    return shlex.split(command)


def compare(record, text):
    """Differences between one of our records and what ausearch says of the event."""
    wrong = []

    def need(what):
        if f' {what} ' not in text.replace("'", ' '):
            wrong.append(f'{what!r} is not in {text!r}')

    for key, names in SAME.items():
        if key not in record:
            continue
        value = ' '.join(words_of(record[key])) if key == 'audit.path' else record[key]
        if not any(f' {name}={value} ' in text.replace("'", ' ') for name in names):
            wrong.append(f'{key} {value!r} is not in {text!r}')
    for word in record.get('audit.key', '').split(','):
        if word:
            need(f'key={word}')
    if 'audit.result' in record:
        yes = record['audit.result'] == 'success'
        said = r' (success=yes|res=success)' if yes else r' (success=no|res=failed)'
        if not re.search(said, text):
            wrong.append(f'result {record["audit.result"]} of {text!r}')
    name = pwd.getpwuid(record['audit.uid']).pw_name
    need(f'uid={name}')
    if record.get('audit.auid_name') == 'unset':
        need('auid=unset')
    command = words_of(record.get('audit.command', ''))
    if 'type=EXECVE' in text:
        for number, word in enumerate(command):
            need(f'a{number}={word}')
    elif 'type=USER_CMD' in text:
        need(f'cmd={record["audit.command"]}')
    elif command:
        need(f'proctitle={" ".join(command)}')
    return wrong


def nothing_left_out(record, text):
    """What ausearch interprets and an auditor asks for must be a field of ours too."""
    wrong = []
    for key, names in SAME.items():
        for name in names:
            found = re.search(rf' {name}=(\S+)', text.replace("'", ' '))
            told = found and found[1] not in ('?', '(null)', '/etc/')
            if told and key not in record:
                wrong.append(f'{name}={found[1]} is not told by {sorted(record)}')
    return wrong


def main():
    program, environment, reason = debian_tools.program(
        'ausearch', 'auditd', 'libauparse0', 'libaudit1'
    )
    if reason:
        print(f'SKIPPED: no ausearch to compare with: {reason}')
        return
    with lab.Lab(lab.bin_directory()) as bench:
        sample = bench.dir / 'audit.log'
        with sample.open('w') as out:
            for serial, lines in enumerate(EVENTS, 501):
                for line in lines:
                    kind, rest = line.split(' ', 1)
                    out.write(f'type={kind} msg=audit({START + serial}.123:{serial}): {rest}\n')
        theirs = interpreted(program, environment, sample)
        assert len(theirs) == len(EVENTS), theirs
        bench.init()
        bench.start_collector()
        agent = bench.enrol(
            'web-01',
            '[journal]\nenabled = false\n[usage]\nenabled = false\n'
            f'[audit]\nlog = "{sample}"\n',
        )
        agent.start()
        wanted = len(EVENTS)
        lab.wait_until(
            'the events', 60, lambda: len(bench.search('source: audit and kind: event')) == wanted
        )
        assert agent.stop() == 0, agent.tail()
        wrong = []
        for item in bench.search('source: audit and kind: event'):
            record = json.loads(item['line'])
            text = theirs[record['audit.serial']]
            wrong += compare(record, text) + nothing_left_out(record, text)
        assert not wrong, '\n'.join(wrong)
        print(f'{len(EVENTS)} events say what ausearch says')


if __name__ == '__main__':
    sys.exit(main())
