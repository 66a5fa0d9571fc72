#!/usr/bin/env python3
"""Checks an exported period from the page of `auditor/README.md` alone: nothing of ours runs here.

    check_export.py EXPORT VKEY

Every note, link, key, root and path again, in Python with an Ed25519 of its own; bodies through the
zstd program.
"""
import subprocess
import sys

import check_example as page


# Ed25519 in extended coordinates: the plain one of check_example.py takes a third of a second.
def extended_add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    p = page.P
    s, u = (y1 - x1) * (y2 - x2) % p, (y1 + x1) * (y2 + x2) % p
    c, d = 2 * t1 * t2 * page.D % p, 2 * z1 * z2 % p
    e, f, g, h = u - s, d - c, d + c, u + s
    return e * f % p, g * h % p, f * g % p, e * h % p


def times(point, n):
    x, y = point
    one, out = (x, y, 1, x * y % page.P), (0, 1, 1, 0)
    while n:
        if n & 1:
            out = extended_add(out, one)
        one = extended_add(one, one)
        n >>= 1
    return out


def plain(point):
    x, y, z, _ = point
    inverse = pow(z, page.P - 2, page.P)
    return x * inverse % page.P, y * inverse % page.P


page.times = lambda point, n: plain(times(point, n))


class Parts:
    def __init__(self, data):
        self.data, self.at = data, 0

    def line(self, name):
        end = self.data.index(b'\n', self.at)
        word, _, value = self.data[self.at:end].decode().partition(' ')
        assert word == name, (word, name)
        self.at = end + 1
        return value

    def part(self, name):
        size = int(self.line(name))
        self.at += size
        return self.data[self.at - size:self.at]

    def path(self, name):
        index, count = map(int, self.line(name).split())
        hashes = []
        for _ in range(count):
            end = self.data.index(b'\n', self.at)
            hashes.append(page.b64(self.data[self.at:end].decode()))
            self.at = end + 1
        return index, hashes


def included(index, leaf, size, root, path):
    """RFC 9162 section 2.1.3.2."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        assert sn
        if fn & 1 or fn == sn:
            r = page.node(p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = page.node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def check_stream(parts, origin, log_key, tree):
    size, root = tree
    enrolment = parts.part('enrolment')
    index, path = parts.path('enrolled')
    assert included(index, page.leaf(enrolment), size, root, path), 'enrolment'
    enrolled = page.fields(page.check_note(enrolment, origin, log_key))
    name = f'{origin}/agent/{enrolled["agent"]}'
    key, head, number, record = page.b64(enrolled['key']), page.leaf(enrolment), 0, 0
    if before := parts.part('previous'):
        fields = page.fields(before.rpartition(b'\n\n')[0].decode() + '\n')
        key, head, number = page.b64(fields['next']), page.leaf(before), int(fields['batch']) + 1
        record = sum(map(int, fields['records'].split()))
    count, end = parts.line('batches').split()
    records = 0
    for _ in range(int(count)):
        header, body = parts.part('header'), parts.part('body')
        fields = page.fields(page.check_note(header, name, key))
        first, many = map(int, fields['records'].split())
        assert int(fields['batch']) == number and first == record, fields
        assert page.b64(fields['previous']) == head, 'chain'
        lines = subprocess.run(['zstd', '-dc'], input=body, capture_output=True,
                               check=True).stdout.split(b'\n') if many else []
        assert len(lines) == many
        if many:
            assert page.b64(fields['root']) == page.tree([page.leaf(line) for line in lines])
        key, head, number, record = (page.b64(fields['next']), page.leaf(header), number + 1,
                                     first + many)
        records += many
    index, path = parts.path('last')
    assert included(index, head, size, root, path), 'last header'
    if end == 'open':
        check_end(parts, (origin, log_key, tree), (enrolled, head, number))
    return int(count), records


def check_end(parts, log, stream):
    """What shows that the log held no batch behind the last one."""
    (origin, log_key, (size, root)), (enrolled, head, number) = log, stream
    leaf = parts.part('end')
    assert leaf, 'nothing shows the end'
    index, path = parts.path('ended')
    assert included(index, page.leaf(leaf), size, root, path), 'end'
    text = page.check_note(leaf, origin, log_key)
    fields = page.fields(text)
    line = parts.part('line')
    if not line and text.startswith('yunjian/retirement/v1\n'):
        assert (fields['agent'], fields['incarnation']) == (
            enrolled['agent'], enrolled['incarnation'])
        assert page.b64(fields['head']) == head and int(fields['batches']) == number
        return
    if not line:
        assert text.startswith('yunjian/enrolment/v1\n') and fields['agent'] == enrolled['agent']
        assert page.b64(fields['previous']) == head
        return
    assert text.startswith('yunjian/roster/v1\n'), text
    listed, path = parts.path('listed')
    assert included(listed, page.leaf(line), int(fields['count']), page.b64(fields['root']), path)
    agent, incarnation, batch, _ = line.decode().split()
    assert (agent, incarnation) == (enrolled['agent'], enrolled['incarnation'])
    assert batch == '-' or int(batch) < number, 'the roster knows of later batches'


def main():
    with open(sys.argv[1], 'rb') as file:
        parts = Parts(file.read())
    origin, _, key = sys.argv[2].split('+', 2)
    log_key = page.b64(key)[1:]
    parts.line('yunjian/export/v1')
    parts.line('period')
    text = page.check_note(parts.part('checkpoint'), origin, log_key).splitlines()
    assert text[0] == origin
    tree = int(text[1]), page.b64(text[2])
    totals = [check_stream(parts, origin, log_key, tree) for _ in range(int(parts.line('streams')))]
    assert parts.at == len(parts.data)
    print(f'{len(totals)} streams, {sum(b for b, _ in totals)} batches, '
          f'{sum(r for _, r in totals)} records hold')


if __name__ == '__main__':
    sys.exit(main())
