"""Tokens and signatures, right and wrong ones."""

import base64
import hashlib
import hmac
import json
import subprocess
import tempfile
import time
import uuid


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpacked(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def compact(document) -> str:
    """As our signer writes it; a header of other bytes would be refused before its signature is looked at."""
    return base64url(json.dumps(document, separators=(",", ":")).encode())


def es256(header: dict, claims: dict, key_path: str) -> str:
    """A token signed by the key in that PEM file."""
    signed = f"{compact(header)}.{compact(claims)}"
    der = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", key_path], input=signed.encode(), capture_output=True, check=True).stdout
    return f"{signed}.{base64url(raw_signature(der))}"


def raw_signature(der: bytes) -> bytes:
    """From two ASN.1 integers to 64 bytes: what a JWT carries."""
    numbers, place = [], 2
    for _ in range(2):
        length = der[place + 1]
        numbers.append(der[place + 2:place + 2 + length].lstrip(b"\0").rjust(32, b"\0"))
        place += 2 + length
    return b"".join(numbers)


def hs256(header: dict, claims: dict, key: bytes) -> str:
    signed = f"{compact(header)}.{compact(claims)}"
    return f"{signed}.{base64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def unsigned(header: dict, claims: dict) -> str:
    return f"{compact(header)}.{compact(claims)}."


def fresh_key() -> str:
    """A P-256 key of nobody's, as a PEM file."""
    path = tempfile.mkstemp(suffix=".pem", prefix="bad-input-")[1]
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path],
        check=True, capture_output=True)
    return path


def public_key(key_path: str) -> bytes:
    return subprocess.run(["openssl", "pkey", "-in", key_path, "-pubout"], check=True, capture_output=True).stdout


def signed_headers(app_key: str, secret: str, nonce: str | None = None, timestamp=None) -> dict[str, str]:
    nonce = uuid.uuid4().hex[:16] if nonce is None else nonce
    timestamp = str(int(time.time() * 1000)) if timestamp is None else str(timestamp)
    signature = hashlib.sha1(f"{secret}{nonce}{timestamp}".encode()).hexdigest()
    return {"App-Key": app_key, "Nonce": nonce, "Timestamp": timestamp, "Signature": signature}
