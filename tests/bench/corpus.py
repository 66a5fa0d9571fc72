#!/usr/bin/env python3
"""Operation-log lines as a cloud host writes them; the same arguments give the same bytes.

corpus.py --lines 1000000 --seed 1 --out FILE

About 200 bytes a line on average: audit, sshd, web access, systemd, kernel firewall, cron, sudo
and a twentieth of Chinese application lines. Users, addresses and words are drawn with a skew, so
that compression and searching meet what real logs have: few frequent values, many rare ones.
"""
import argparse
import random

USERS = ['root', 'ops', 'deploy', 'backup', 'postgres', 'nginx', 'sysadm', 'secadm', 'auditadm']
USERS += [
    f'{a}{b}{n}'
    for n in range(1, 5)
    for a in 'li wang zhang chen'.split()
    for b in 'wei min jun'.split()
]
COMMANDS = [
    '/usr/bin/systemctl restart portal',
    '/usr/bin/journalctl -u sshd -n 100',
    '/usr/bin/vi /etc/nginx/nginx.conf',
    '/usr/bin/cat /etc/shadow',
    '/usr/sbin/ip addr',
]
UNITS = [
    'nginx.service',
    'apt-daily.service',
    'logrotate.service',
    'chronyd.service',
    'portal.service',
]
PATHS = [
    '/api/v1/items',
    '/api/v1/apply/%d',
    '/login',
    '/gov/doc/%d.pdf',
    '/search?q=%08x',
    '/healthz',
]
AGENTS = [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/122.0.0.0 Safari/537.36',
    'Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0',
    'curl/7.88.1',
]
KEYS = ['exec', 'identity', 'perm_mod']
CHINESE = [
    '用户 %s 提交政务云资源申请 单号 %d',
    '%s 审核通过 受理单 %d',
    '接口调用失败 操作人 %s 错误码 %d',
    '操作人 %s 上传文件 %d 字节',
]


class Corpus:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.inner = [self.address('10.') for _ in range(2000)]
        self.outer = [self.address(f'{self.below(200) + 11}.') for _ in range(20000)]
        self.serial = 100000
        self.seconds = 1772294400.0  # 2026-02-28T16:00:00Z
        kinds = [self.audit] * 26 + [self.sshd] * 22 + [self.web] * 20 + [self.systemd] * 9
        self.kinds = (
            kinds + [self.kernel] * 8 + [self.cron] * 6 + [self.sudo] * 4 + [self.portal] * 5
        )

    def below(self, n):
        return int(self.random.random() * n)

    def skewed(self, items):
        return items[int(self.random.random() ** 2.5 * len(items))]

    def address(self, start):
        return start + '.'.join(str(self.below(256)) for _ in range(3))

    def ip(self):
        return self.skewed(self.inner) if self.random.random() < 0.6 else self.skewed(self.outer)

    def hex(self, digits):
        return f'{self.random.getrandbits(4 * digits):0{digits}x}'

    def audit(self):
        self.serial += 1
        user, pid = self.below(len(USERS)), 3000 + self.serial % 60000
        head = f'audit[702]: type=%s msg=audit({self.seconds:.3f}:{self.serial}): '
        if self.random.random() < 0.6:
            return head % 'SYSCALL' + (
                f'arch=c000003e syscall={self.skewed([59, 257, 87, 90])} success=yes exit=0 '
                f'a0=7ffd{self.hex(8)} a1=55d3{self.hex(8)} items=2 ppid={pid - 9} pid={pid} '
                f'auid={1000 + user} uid=0 gid=0 euid=0 tty=pts{self.below(9)} '
                f'ses={self.serial // 50} '
                f'comm="bash" exe="/usr/bin/bash" key="{self.skewed(KEYS)}"'
            )
        ip = self.ip()
        return head % 'USER_LOGIN' + (
            f"pid={pid} uid=0 auid={1000 + user} ses={self.serial // 50} "
            f"msg='op=login id={1000 + user} "
            f'exe="/usr/sbin/sshd" hostname={ip} addr={ip} terminal=ssh res=success\''
        )

    def sshd(self):
        user, ip, port = self.skewed(USERS), self.ip(), 1024 + self.below(64000)
        which = self.random.random()
        head = f'sshd[{3000 + self.below(60000)}]: '
        if which < 0.4:
            return head + (
                f'Accepted publickey for {user} from {ip} port {port} ssh2: '
                f'ED25519 SHA256:{self.hex(43)}'
            )
        if which < 0.7:
            return head + f'Failed password for invalid user {user} from {ip} port {port} ssh2'
        return head + (
            f'pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= '
            f'rhost={ip}  user={user}'
        )

    def web(self):
        path = self.skewed(PATHS)
        path = path % self.below(1 << 30) if '%' in path else path
        return (
            f'nginx[811]: {self.ip()} - - "GET {path} HTTP/1.1" '
            f'{self.skewed([200, 304, 404, 502])} '
            f'{self.below(60000)} "-" "{self.skewed(AGENTS)}" '
            f'rt=0.{self.below(1000):03d} rid={self.hex(32)}'
        )

    def systemd(self):
        unit = self.skewed(UNITS)
        used = f'Consumed {self.below(90000) / 1000:.3f}s CPU time'
        return f'systemd[1]: {unit}: {used}, received {self.below(900)}K IP traffic.'

    def kernel(self):
        return (
            f'kernel: [{self.below(9000000)}.{self.below(1000000):06d}] [UFW BLOCK] IN=eth0 OUT= '
            f'MAC=52:54:00:{self.hex(2)}:{self.hex(2)} SRC={self.ip()} '
            f'DST={self.skewed(self.inner)} '
            f'LEN={40 + self.below(1400)} TTL={32 + self.below(200)} '
            f'ID={self.below(65536)} DF PROTO=TCP '
            f'SPT={1024 + self.below(64000)} DPT={self.skewed([22, 445, 3389])} '
            f'WINDOW={self.below(65536)} SYN URGP=0'
        )

    def cron(self):
        pid, user = 3000 + self.below(60000), self.skewed(USERS)
        return f'CRON[{pid}]: ({user}) CMD (run-parts /etc/cron.hourly)'

    def sudo(self):
        user = self.skewed(USERS)
        command = self.skewed(COMMANDS)
        head = f'sudo[{3000 + self.below(60000)}]: {user} : TTY=pts/{self.below(9)}'
        return f'{head} ; USER=root ; COMMAND={command}'

    def portal(self):
        return f'gov-portal[7001]: ' + self.skewed(CHINESE) % (
            self.skewed(USERS),
            self.below(10**9),
        )

    def line(self):
        self.seconds += self.random.random() * 0.17
        clock = int(self.seconds)
        return (
            f'2026-03-{1 + clock // 86400 % 28:02d}T{clock // 3600 % 24:02d}:'
            f'{clock // 60 % 60:02d}:'
            f'{clock % 60:02d}.{int(self.seconds % 1 * 1e6):06d}+08:00 gov-web-001 '
            f'{self.kinds[self.below(len(self.kinds))]()}'
        )


def write(path, lines, seed):
    corpus = Corpus(seed)
    with open(path, 'w', encoding='utf-8', buffering=1 << 20) as out:
        for _ in range(lines):
            out.write(corpus.line() + '\n')


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--lines', type=int, default=1000000)
    arguments.add_argument('--seed', type=int, default=1)
    arguments.add_argument('--out', required=True)
    options = arguments.parse_args()
    write(options.out, options.lines, options.seed)


if __name__ == '__main__':
    main()
