#!/usr/bin/env python3
"""Checks the worked example of ledger/README.md with nothing but the page, the standard library
and the zstd program.

An implementation of its own: base64, RFC 6962 hashes, Ed25519 (RFC 8032) and note parsing are
written here again, so that an
error of the C++ code cannot hide in the same error of the check.
"""
import base64
import hashlib
import json
import pathlib
import re
import subprocess
import sys

# Ed25519 over the curve -x² + y² = 1 + d x² y², affine points, plain and slow.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def recover_x(y, odd):
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * I % P
    if (x * x - xx) % P:
        raise ValueError('not on the curve')
    return P - x if x % 2 != odd else x


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P
    return x, y


def times(point, n):
    out = (0, 1)
    while n:
        if n & 1:
            out = add(out, point)
        point = add(point, point)
        n >>= 1
    return out


def decode_point(raw):
    y = int.from_bytes(raw, 'little')
    return recover_x(y & (2**255 - 1), y >> 255), y & (2**255 - 1)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y)


def ed25519_ok(key, message, signature):
    r, s = decode_point(signature[:32]), int.from_bytes(signature[32:], 'little')
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), 'little') % L
    return s < L and times(BASE, s) == add(r, times(decode_point(key), k))


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(data):
    return sha256(b'\0' + data)


def node(left, right):
    return sha256(b'\1' + left + right)


def tree(hashes):
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node(tree(hashes[:k]), tree(hashes[k:]))


def key_id(name, key):
    return sha256(name.encode() + b'\n\x01' + key)[:4]


def check_note(note, name, key):
    """Text of the note when `name` signed it with the raw key; asserts otherwise."""
    text, _, lines = note.rpartition(b'\n\n')
    text += b'\n'
    for line in lines.decode().splitlines():
        dash, signer, signature = line.split(' ')
        raw = base64.b64decode(signature, validate=True)
        if dash == '—' and signer == name and raw[:4] == key_id(name, key):
            assert ed25519_ok(key, text, raw[4:]), f'signature of {name}'
            return text.decode()
    raise AssertionError(f'not signed by {name}')


def fields(text):
    return dict(line.split(' ', 1) for line in text.splitlines()[1:])


def b64(text):
    return base64.b64decode(text, validate=True)


def main():
    page = pathlib.Path(__file__).resolve().parents[2] / 'ledger' / 'README.md'
    example = (
        page.read_text(encoding='utf-8')
        .split('<!-- example begin -->')[1]
        .split('<!-- example end -->')[0]
    )
    blocks = {
        title: body
        for title, body in re.findall(r'`([^`\n]+)`\n\n```text\n(.*?)```\n', example, re.S)
    }
    origin, vkey_id, vkey_key = blocks['vkey of the log'].strip().split('+', 2)
    log_key = b64(vkey_key)[1:]
    assert b64(vkey_key)[0] == 1 and bytes.fromhex(vkey_id) == key_id(origin, log_key)

    enrolment = blocks['enrolment leaf'].encode()
    enrolled = fields(check_note(enrolment, origin, log_key))
    agent_name = f'{origin}/agent/{enrolled["agent"]}'
    check_note(enrolment, agent_name, b64(enrolled['key']))
    assert leaf(enrolment).hex() == blocks['leaf hash of the enrolment, hex'].strip()

    records = blocks['records'].encode().rstrip(b'\n').split(b'\n')
    header_note = blocks['batch header'].encode()
    header = fields(check_note(header_note, agent_name, b64(enrolled['key'])))
    assert header['records'] == f'0 {len(records)}'
    assert b64(header['root']) == tree([leaf(line) for line in records])
    assert b64(header['previous']) == leaf(enrolment)
    assert leaf(header_note).hex() == blocks['leaf hash of the header, hex'].strip()
    assert json.loads(records[1])['message'] == '用户 "ops" 提交\\xFF\t申请'

    checkpoint = blocks['checkpoint'].encode()
    named, size, root = check_note(checkpoint, origin, log_key).splitlines()
    assert named == origin and size == '2'
    assert b64(root) == node(leaf(enrolment), leaf(header_note))

    form, index, *path, empty = blocks['receipt'].encode().split(b'\n\n')[
        0
    ].decode().splitlines() + ['']
    assert form == 'c2sp.org/tlog-proof@v1' and index == 'index 1' and empty == ''
    assert node(b64(path[0]), leaf(header_note)) == b64(root) and len(path) == 1
    assert blocks['receipt'].encode().endswith(b'\n\n' + checkpoint)

    frame = b64(blocks['frame, base64'].strip())
    size = int.from_bytes(frame[:4], 'big')
    assert frame[4 : 4 + size] == header_note
    body = frame[8 + size :]
    assert int.from_bytes(frame[4 + size : 8 + size], 'big') == len(body)
    plain = subprocess.run(['zstd', '-dc'], input=body, stdout=subprocess.PIPE, check=True).stdout
    assert plain == b'\n'.join(records)

    lists_hold(blocks, origin, log_key)
    retirement = fields(check_note(blocks['retirement leaf'].encode(), origin, log_key))
    assert b64(retirement['head']) == leaf(header_note) and retirement['batches'] == '1'
    endorsement = blocks['endorsement leaf'].encode()
    check_note(endorsement, origin, log_key)
    authority, _, authority_key = blocks['vkey of the authority'].strip().split('+', 2)
    endorsed = fields(check_note(endorsement, authority, b64(authority_key)[1:]))
    assert b64(endorsed['hash']) == leaf(enrolment) and endorsed['leaf'] == '0'
    check_note(blocks['report leaf'].encode(), origin, log_key)
    print('the worked example holds: 7 notes, 2 lists, 1 checkpoint, 1 receipt, 1 frame')


def lists_hold(blocks, origin, log_key):
    for name in ('roster', 'purge'):
        lines = blocks[f'lines of a {name}'].encode().splitlines()
        named = fields(check_note(blocks[f'{name} leaf'].encode(), origin, log_key))
        assert lines == sorted(lines) and named['count'] == str(len(lines))
        assert b64(named['root']) == tree([leaf(line) for line in lines])


if __name__ == '__main__':
    sys.exit(main())
