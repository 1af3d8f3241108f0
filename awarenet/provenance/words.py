"""What provenance is told in: our own sentences, and text out of a file that nobody vouches for."""

from __future__ import annotations

from awarenet.report import Notice

# Of codes, what they say in English: a remark is REMARKS[code].format(**values).
REMARKS = {
    "remote_credentials": "It points to Content Credentials at {host}; they were not fetched, so "
    "that nobody learns that this file is being checked.",
    "unread_credentials": "Its Content Credentials could not be read: {error}.",
    "misfit": "It carries Content Credentials signed by {who}, but they do not fit: the file was "
    "changed after it was signed, or they were taken from another. Do not rely on them.",
    "misfit_unnamed": "It carries Content Credentials signed by somebody who is not named, but "
    "they do not fit: the file was changed after it was signed, or they were taken from another. "
    "Do not rely on them.",
    "signed": "It carries Content Credentials signed by {who}, and was not changed since.",
    "signed_unnamed": "It carries Content Credentials signed by somebody who is not named, and was "
    "not changed since.",
    "unchecked_signer": "Whether the signer is who they say was not checked: no list of trusted "
    "signers is set up, and anybody can make a certificate with any name.",
    "untrusted_signer": "The signer is not on the list of trusted signers that is set up.",
    "signed_as_generated": "The signer says that all or a part of it was made by a generative "
    "model.",
    "unread_metadata": "Its metadata could not be read.",
    "ffmpeg": "It says it was written by {writer}: that is FFmpeg or software that uses it, as "
    "converters, editors and sites do. Most likely it is not a camera's own file.",
    "software": "It names the software {software}.",
    "camera": "It names the camera {camera}; anybody can write that into a file.",
    "no_camera_photograph": "It names no camera. Sending or posting a photograph takes that away "
    "as a rule, so this says little.",
    "no_camera_clip": "It names no camera. Sending or posting a clip takes that away as a rule, so "
    "this says little.",
    "generated": "It says that all or a part of it was made by a generative model.",
    "generator_text": "It holds a text ({names}) as programs leave it that generate pictures.",
    "impossible_date": "Its {entry}, {date}, cannot be right.",
    "place": "It says where it was recorded; that is left out here.",
}


def remark(code: str, **values: str) -> Notice:
    """Make one of `REMARKS`."""
    return Notice(code=code, message=REMARKS[code].format(**values), values=values)
