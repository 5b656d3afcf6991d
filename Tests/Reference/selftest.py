"""Checks the packets of this implementation against captures of others: each is opened, read, written and sealed again."""

import glob
import json
import os

import wire


def check(folder):
    """Returns how many packets were checked, and what is wrong."""
    count, faults = 0, []
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path) as file:
            capture = json.load(file)
        dialect, password = capture["dialect"], capture["shared_key"]
        key = wire.derive_key(password, dialect) if password else None
        magic = wire.read_magic(capture["magic_option"] or capture["magic"], dialect)
        if key and key.hex() != capture["derived_key"] or magic.hex() != capture["magic"]:
            faults.append(f"{path}: another key or magic")
        for number, entry in enumerate(capture["packets"]):
            method = next(name for name, value in wire.METHODS.items() if value == entry["method"])
            seal = wire.Seal(magic, method, key, dialect)
            packet = bytes.fromhex(entry["packet"])
            kind, data, nonce = seal.open(packet)
            message = wire.decode(kind, data)
            if message != entry["message"] or nonce != bytes.fromhex(entry.get("nonce", "")) and nonce is not None:
                faults.append(f"{path}, packet {number}: read as {message}, is {entry['message']}")
            if seal.seal(kind, wire.encode(message), nonce) != packet:
                faults.append(f"{path}, packet {number}: written differently")
            count += 1
    return count, faults
