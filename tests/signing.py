"""Clients that sign tokens, well or badly, for the tests of who may call."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cds_service import examples

NOW = int(examples.WRITTEN.timestamp())
BASE = "https://cds.example.org/magnesium"
ISSUER = "https://ehr.example.org/fhir/r4"
PATIENT_VIEW = f"{BASE}/cds-services/magnesium-patient-view"
# As Epic's are: opaque, with characters that URLs and file names would not have.
KID = "d3bmo5+Hz/W61TUg="

_numbers = count()


@cache
def private_key(algorithm: str, which: int = 0, bits: int = 2048) -> Any:
    """Return a private key for an algorithm; ``which`` tells apart keys that are not the same."""
    if algorithm.startswith("RS"):
        return rsa.generate_private_key(65537, bits)
    return ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())


class Signer:
    """The key of one EHR."""

    def __init__(self, algorithm: str = "ES384", kid: str = KID, which: int = 0, bits: int = 2048) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.private = private_key(algorithm, which, bits)

    def jwk(self, **members: Any) -> dict[str, Any]:
        """Return the public key; a member that is None is left out."""
        kind: Any = jwt.get_algorithm_by_name(self.algorithm)
        jwk = json.loads(kind.to_jwk(self.private.public_key()))
        jwk |= {"kid": self.kid, "use": "sig", **members}
        return {name: value for name, value in jwk.items() if value is not None}

    def pem(self) -> bytes:
        found: bytes = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return found

    def token(self, header: Mapping[str, Any] | None = None, /, **claims: Any) -> str:
        """Return a token with good header and claims but for those given; None leaves one out."""
        headers = {"kid": self.kid, **(header or {})}
        algorithm = headers.pop("alg", self.algorithm)
        return jwt.encode(good(**claims), self.private, algorithm, {k: v for k, v in headers.items() if v is not None})


def good(**claims: Any) -> dict[str, Any]:
    """Return the claims of a good token but for those given."""
    usual = {"iss": ISSUER, "aud": PATIENT_VIEW, "iat": NOW, "exp": NOW + 300, "jti": f"token-{next(_numbers)}"}
    return {name: value for name, value in (usual | claims).items() if value is not None}


def jwks(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def jwks_file(folder: Path, *keys: Mapping[str, Any]) -> str:
    file = folder / "jwks.json"
    file.write_bytes(jwks(*keys))
    return str(file)


def forged(header: Any, payload: Any, secret: bytes | None = b"any") -> str:
    """Return a token put together by hand: signed with a shared secret, or without a signature."""
    parts = [_base64(json.dumps(part).encode()) for part in (header, payload)]
    text = ".".join(parts)
    signature = b"" if secret is None else hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{_base64(signature)}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bearer(*tokens: str) -> Sequence[tuple[str, str]]:
    """Return an Authorization header for each token."""
    return [("Authorization", f"Bearer {token}") for token in tokens]
