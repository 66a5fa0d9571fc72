"""Where things are, and what a test cannot do without."""

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGING = Path(__file__).resolve().parents[2] / 'packaging'
PROGRAMS = ('yunjian-agent', 'yunjian-audit', 'yunjian-collector')
SKIPPED = 77


def need(command, package):
    """Ends the test as skipped, loudly, when a command is not there."""
    if shutil.which(command) is None:
        print(f'SKIP: {command} is not there; apt-get install {package}', file=sys.stderr)
        sys.exit(SKIPPED)


def run(*command, **more):
    """Exit code and everything printed."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=60, **more)
    return done.returncode, done.stdout


@functools.cache
def help_of(program, *command):
    path = Path(os.environ['YUNJIAN_BIN']) / program
    code, text = run(path, *command, '--help', env={'LC_ALL': 'C.UTF-8'})
    if code != 0:
        raise AssertionError(f'{program} {" ".join(command)} --help ends with {code}: {text}')
    return text


def options_in(text):
    """Options that --help explains: lines that begin with one, behind two blanks."""
    found = re.findall(r'^  (-[-\w,]*)', text, re.MULTILINE)
    return {option for group in found for option in group.split(',') if option.startswith('--')}


def commands_in(text):
    """The names below "Subcommands:"."""
    part = re.search(r'^Subcommands:\n((?:  .*\n?)+)', text, re.MULTILINE)
    return re.findall(r'^  (\S+)', part.group(1), re.MULTILINE) if part else []


@functools.cache
def command_tree(program, *command):
    """Every command that is run as such, the program itself included, with its options."""
    text = help_of(program, *command)
    tree = {command: options_in(text)}
    for name in commands_in(text):
        tree |= command_tree(program, *command, name)
    return tree
