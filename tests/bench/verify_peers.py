"""syslog-ng's slogverify and journalctl --verify over the same lines, for `run verify --peers`.

syslog-ng's packages are unpacked, not installed. Neither checks what the auditor does: slogverify
needs the secret that also makes the log (whoever verifies can forge), and a journal that is not
sealed is only held against its own checksums. The time is that of the check alone.
"""
import os
import pathlib
import subprocess
import tempfile

import peers
import pipeline_peers

PACKAGES = 'syslog-ng-core syslog-ng-mod-slog libivykis0 libnet1 libwrap0'.split()
LINES_MAX = 200_000  # of the corpus: more give the same figure
REMOTE = pathlib.Path('/usr/lib/systemd/systemd-journal-remote')


def cpu_of(command, check=True, **more):
    """CPU seconds of a command."""
    before = os.times()
    subprocess.run(command, check=check, capture_output=True, **more)
    after = os.times()
    return (after.children_user - before.children_user + after.children_system
            - before.children_system)


def slogverify(log, directory):
    root = pipeline_peers.unpacked(PACKAGES, 'yunjian-verify-peers')
    version = next((root.parent).glob('syslog-ng-mod-slog_*.deb')).name.split('_')[1]
    libraries = (root / 'usr/lib/syslog-ng', root / pipeline_peers.LIBRARIES)
    environment = dict(os.environ, LD_LIBRARY_PATH=':'.join(map(str, libraries)))
    programs = root / 'usr/bin'

    def run(name, *arguments, check=True):
        return cpu_of([programs / name, *arguments], check, cwd=directory, env=environment)

    (directory / 'none').touch()
    run('slogkey', '-m', 'm.key')
    run('slogkey', '-d', 'm.key', '00:11:22:33:44:55', 'SN1', 'h.key0')
    # It ends with 1 for want of an earlier MAC, though the log is whole: slogverify says so.
    run('slogencrypt', '-k', 'h.key0', '-m', 'none', 'h.key1', 'mac1', log, 'enc', check=False)
    used = run('slogverify', '-k', 'h.key0', '-m', 'mac1', 'enc', 'dec')
    return f'slogverify {version}', used


def journalctl(log, directory):
    journal = directory / 'a.journal'
    entries = b''.join(
        b'__REALTIME_TIMESTAMP=%d\n_BOOT_ID=%032x\nMESSAGE=%s\n\n'
        % (1790000000000000 + n, 1, line.rstrip(b'\n'))
        for n, line in enumerate(log.open('rb')))
    subprocess.run([REMOTE, f'--output={journal}', '--split-mode=none', '-'], input=entries,
                   check=True, capture_output=True)
    used = cpu_of(['journalctl', '--verify', f'--file={journal}'])
    return f'journalctl {peers.version("systemd")}', used


def rates(corpus):
    """{who: lines a CPU second} over the first lines of the corpus."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        log = directory / 'lines'
        with open(corpus, 'rb') as lines, log.open('wb') as out:
            count = 0
            for line in lines:
                if count == LINES_MAX:
                    break
                out.write(line)
                count += 1
        for peer in (slogverify, journalctl) if REMOTE.exists() else (slogverify,):
            who, used = peer(log, directory)
            found[who] = count / used
    return found
