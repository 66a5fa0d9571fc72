"""A disk that can lose power: ext4 in a file behind a loop device.

cut() stops the file system as a power failure does: what was not written to the device is gone, the
journal is not flushed. Nothing is written by timers either (commit=600), so that only what a
program synced is there afterwards.
"""
import fcntl
import os
import pathlib
import struct
import subprocess

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f'{" ".join(map(str, command))}: {done.stderr.strip()}')
    return done.stdout.strip()


class PowerDisk:
    def __init__(self, directory, mib=64):
        self.image = pathlib.Path(directory) / 'disk.img'
        self.point = pathlib.Path(directory) / 'disk'
        self.point.mkdir()
        with self.image.open('wb') as image:
            image.truncate(mib << 20)
        run('mkfs.ext4', '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', self.image)
        self.device = run('losetup', '--find', '--show', self.image)
        self.mounted = False
        self.mount()

    def mount(self):
        run('mount', '-o', 'commit=600', self.device, self.point)
        self.mounted = True

    def unmount(self):
        run('umount', self.point)
        self.mounted = False

    def cut_under(self):
        """The disk goes away under those who use it: each call fails with EIO from here on."""
        handle = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def cut(self):
        """The power fails now. Programs that use the disk must be dead already."""
        self.cut_under()
        self.leave()

    def come_back(self):
        """After cut_under(), when nobody uses it any more."""
        self.leave()
        self.mount()

    def leave(self):
        self.unmount()
        # A container that was started meanwhile may hold a copy of the mount, and with it the dead
        # file system of this device: the image gets another one.
        run('losetup', '-d', self.device)
        self.device = run('losetup', '--find', '--show', self.image)

    def close(self):
        if self.mounted:
            subprocess.run(['umount', '-l', str(self.point)], capture_output=True)
            self.mounted = False
        subprocess.run(['losetup', '-d', self.device], capture_output=True)


def why_not(directory):
    """Empty, or why this machine cannot cut the power of a disk."""
    disk = None
    try:
        disk = PowerDisk(directory, 16)
        (disk.point / 'x').write_text('unsynced')
        disk.cut()
        disk.mount()
        return '' if not (disk.point / 'x').exists() else 'a cut keeps what was not synced'
    except (OSError, FileNotFoundError) as error:
        return str(error)
    finally:
        if disk:
            disk.close()
