"""A Debian 12 system of our own, booted with systemd as PID 1 in a container of systemd-nspawn.

It has a root directory, processes and a loopback of its own; the host's services are not touched.
Needs root. Its leader is ended by its id whatever happens.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import needs

MIRROR = 'http://deb.debian.org/debian'
# What the packages depend on is in the tree, so that dpkg alone can install them.
INCLUDE = ('systemd,systemd-sysv,dbus,init-system-helpers,debconf,procps,ca-certificates,libcurl4,'
           'libfmt9,libsoci-core4.0,libsoci-sqlite3-4.0,libsqlite3-0,libssl3,libsystemd0,'
           'libxlsxwriter4,libxxhash0,libzstd1,libre2-9,libcairo2,libglib2.0-0,libpango-1.0-0,'
           'libpangocairo-1.0-0')
BOOT_SECONDS = 120


def why_not():
    """Why no machine can be booted here, or nothing."""
    if os.geteuid() != 0:
        return 'needs root'
    for command, package in (('systemd-nspawn', 'systemd-container'),
                             ('mmdebstrap', 'mmdebstrap'), ('nsenter', 'util-linux')):
        if shutil.which(command) is None:
            return f'{command} is not there; apt-get install {package}'
    probe = subprocess.run(['unshare', '--mount', '--pid', '--net', '--uts', '--ipc', '--fork',
                            'true'], capture_output=True, text=True, check=False)
    return f'no namespaces here: {probe.stderr.strip()}' if probe.returncode else ''


def wait_until(what, seconds, condition):
    """Value of condition() once it is true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'waited {seconds} s in vain for {what}')
        time.sleep(0.2)
    return value


def make_tree(archive):
    """The system as it comes, made once; later runs take it from the archive."""
    if archive.exists():
        return
    archive.parent.mkdir(parents=True, exist_ok=True)
    part = archive.with_suffix('.part.tar')
    subprocess.run(['mmdebstrap', '--variant=minbase', f'--include={INCLUDE}', 'bookworm',
                    str(part), MIRROR], check=True, stdin=subprocess.DEVNULL,
                   stdout=sys.stderr, stderr=sys.stderr)
    part.rename(archive)


class Machine:
    def __init__(self, root):
        self.root = Path(root)
        self.nspawn = None
        self.leader = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()

    def unpack(self, archive):
        self.root.mkdir(parents=True)
        subprocess.run(['tar', '-xf', str(archive), '-C', str(self.root)], check=True)
        # As Debian's installer writes it: a host knows its own name.
        (self.root / 'etc/hosts').write_text('127.0.0.1 localhost\n127.0.1.1 boot-test\n',
                                             encoding='utf-8')
        (self.root / 'etc/hostname').write_text('boot-test\n', encoding='utf-8')
        (self.root / 'etc/machine-id').write_text('uninitialized\n', encoding='utf-8')
        # The journal is kept over a reboot, as a server's is.
        (self.root / 'var/log/journal').mkdir(parents=True, exist_ok=True)

    def boot(self):
        with open(self.root.parent / 'console', 'ab') as console:
            self.nspawn = subprocess.Popen(
                ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--link-journal=no',
                 '--boot', '--private-network', '-D', str(self.root)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        wait_until('the machine to come up', BOOT_SECONDS, self.is_up)

    def is_up(self):
        if self.nspawn.poll() is not None:
            tail = (self.root.parent / 'console').read_text(errors='replace')[-2000:]
            raise AssertionError(f'systemd-nspawn ended: {tail}')
        self.leader = self.find_leader()
        return self.leader is not None and self.run(
            'systemctl', 'is-system-running', code=None)[1].strip() in ('running', 'degraded')

    def find_leader(self):
        """PID 1 of the container: the child of nspawn whose name is systemd."""
        try:
            children = Path(f'/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children').read_text()
            for child in children.split():
                if Path(f'/proc/{child}/comm').read_text().strip() == 'systemd':
                    return int(child)
        except OSError:
            pass
        return None

    def run(self, *command, code=0, env=None):
        """Exit code and all output of a command in the machine; it must end with `code`."""
        variables = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8', 'HOME': '/root',
                     'DEBIAN_FRONTEND': 'noninteractive', **(env or {})}
        ended, said = needs.run('nsenter', '-t', self.leader, '-a', '--wdns=/root', '--', *command,
                                env=variables)
        if code is not None and ended != code:
            raise AssertionError(f'{" ".join(map(str, command))} ended with {ended}: {said}')
        return ended, said

    def say(self, *command, **more):
        return self.run(*command, **more)[1].strip()

    def show(self, unit, name):
        return self.say('systemctl', 'show', '--value', '-p', name, unit)

    def reboot(self):
        """The system goes down by itself; nspawn ends then, and is started again."""
        self.run('systemctl', 'reboot', code=None)
        self.nspawn.wait(BOOT_SECONDS)
        self.boot()

    def power_off(self):
        """Ends every process of the machine. Killing nspawn alone would leave them."""
        if self.nspawn is None:
            return
        leader = self.find_leader()
        if leader is not None:
            os.kill(leader, signal.SIGKILL)
        try:
            self.nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.nspawn = None
