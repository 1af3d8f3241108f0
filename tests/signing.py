"""Sign pictures and clips with certificates of this test run's own; nobody else's keys."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from awarenet import provenance
from awarenet.cage import OpenedFile
from awarenet.report import Provenance
from awarenet.settings import LimitSettings

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


class Signer:
    """Signs files with certificates made for this test run."""

    def __init__(self):
        self.c2pa = pytest.importorskip("c2pa", reason="needs the extra provenance")
        pytest.importorskip("cryptography", reason="needs the extra provenance")
        self.leaf, self.key, self.root = certificates()

    def sign(self, data: bytes, kind: str, remote: str | None = None) -> bytes:
        """Sign a file of a MIME type; `remote`: leave the credentials at that address instead."""
        action = {
            "action": "c2pa.created",
            "digitalSourceType": AI,
            "softwareAgent": {"name": "Painter", "version": "2"},
        }
        manifest = {
            "claim_generator_info": [{"name": "Studio", "version": "3"}],
            "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [action]}}],
        }
        builder, target = self.c2pa.Builder(manifest), io.BytesIO()
        if remote:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        info = self.c2pa.C2paSignerInfo(
            self.c2pa.C2paSigningAlg.ES256, self.leaf + self.root, self.key, None
        )
        builder.sign(self.c2pa.Signer.from_info(info), kind, io.BytesIO(data), target)
        return target.getvalue()


def certificates() -> tuple[bytes, bytes, bytes]:
    """Make a signer's certificate, its key, and the root that vouches for it, as PEM.

    A signer's certificate needs the purpose e-mail protection or document signing: C2PA 2.2, 14.5.1
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.now(timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    people = [
        x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Desk"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        for name in ("Root", "Ann Signer")
    ]

    def certificate(place: int) -> x509.Certificate:
        is_root = place == 0
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage |= {"digital_signature": not is_root, "key_cert_sign": is_root}
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        root = keys[0].public_key()
        made = (
            x509.CertificateBuilder()
            .subject_name(people[place])
            .issuer_name(people[0])
            .public_key(keys[place].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), True)
            .add_extension(x509.KeyUsage(**usage), True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root), False)
        )
        if not is_root:
            made = made.add_extension(purpose, False)
        return made.sign(keys[0], hashes.SHA256())

    pem = serialization.Encoding.PEM
    root, leaf = (certificate(place).public_bytes(pem) for place in range(2))
    no_password = serialization.NoEncryption()
    return leaf, keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password), root


def jpeg(**options: object) -> bytes:
    """Save noise; options as Pillow takes them."""
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def remark(found: object, words: str) -> str:
    """Give the one remark that holds these words."""
    (text,) = [text for text in found.remarks if words in text]
    return text


def read(path: Path, trust_anchors: str = "", **options: object) -> Provenance:
    """Read where a file says it is from, as an analysis does."""
    with OpenedFile(path, LimitSettings(), **options) as file:
        return provenance.read(file, trust_anchors=trust_anchors, **options)
