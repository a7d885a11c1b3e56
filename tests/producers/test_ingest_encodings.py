"""Bodies of HTTP ingest with a Content-Encoding, over a real socket."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator

import httpx2
import pytest

from ledger_schemas.limits import INGEST_BYTES_MAX

from .conftest import MemoryLog, refused
from .test_ingest import FIRED

BODY = json.dumps([FIRED] * 3).encode()
GZIP = {"Content-Encoding": "gzip"}


def post(api: httpx2.Client, content: bytes | Iterator[bytes], *codings: str) -> httpx2.Response:
    """Post a body, each coding in a header of its own."""
    return api.post("/v1/events", content=content, headers=[("Content-Encoding", coding) for coding in codings])


def in_pieces(body: bytes, size: int) -> Iterator[bytes]:
    """Give a body in chunks, so that its length is not declared."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def zeros(mebibytes: int) -> bytes:
    """Return the gzip of so many MiB of zeros: a thousandth of them."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("coding", ["gzip", "GZip", "x-gzip", "identity , gzip"])
def test_a_gzip_body_is_decoded(api: httpx2.Client, log: MemoryLog, coding: str) -> None:
    """201, and the log has what the body was before; the names of codings know no case (RFC 9110, section 8.4.1)."""
    assert post(api, gzip.compress(BODY), coding).status_code == 201
    assert [len(call) for call in log.calls] == [3]


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_several_members_are_one_body(api: httpx2.Client, log: MemoryLog, size: int) -> None:
    """RFC 1952, section 2.2: members are concatenated, empty ones too, however they are cut on the way."""
    members = [gzip.compress(part) for part in (BODY[:10], b"", BODY[10:11], BODY[11:])]
    assert post(api, in_pieces(b"".join(members), size), "gzip").status_code == 201
    assert [len(call) for call in log.calls] == [3]


@pytest.mark.parametrize("codings", [["identity"], [""], ["Identity, identity"], ["identity", "identity"]])
def test_identity_is_the_body_as_it_is(api: httpx2.Client, log: MemoryLog, codings: list[str]) -> None:
    """201: nothing was applied, so nothing is taken off."""
    assert post(api, BODY, *codings).status_code == 201


@pytest.mark.parametrize("codings", [["br"], ["deflate"], ["zstd"], ["gzip, gzip"], ["gzip", "br"], ["br", "gzip"]])
def test_another_encoding_is_refused(api: httpx2.Client, log: MemoryLog, codings: list[str]) -> None:
    """415 that names what is accepted, in the hint and in Accept-Encoding (RFC 9110, section 15.5.16)."""
    answer = post(api, gzip.compress(BODY), *codings)
    problem = refused(answer, log, 415, "encoding_unsupported")
    assert (answer.headers["accept-encoding"], problem["field"]) == ("gzip", "Content-Encoding")
    assert "gzip" in problem["hint"]
    assert "identity" in problem["hint"]


def damaged(at: int) -> bytes:
    """Return a gzip of the body with one byte changed."""
    body = bytearray(gzip.compress(BODY))
    body[at] ^= 0xFF
    return bytes(body)


@pytest.mark.parametrize(
    "body",
    [
        *(b"\x1f", BODY, zlib.compress(BODY), gzip.compress(BODY)[:-1], gzip.compress(BODY)[:-9]),
        *(damaged(0), damaged(2), damaged(20), damaged(-8), damaged(-1)),
        *(gzip.compress(BODY) + b"\0", gzip.compress(BODY) + BODY, gzip.compress(BODY) + gzip.compress(b"")[:5]),
    ],
)
def test_gzip_that_is_not_whole_is_refused(api: httpx2.Client, log: MemoryLog, body: bytes) -> None:
    """400 when it is truncated, another format, changed on the way (by its checksum), or has something after it."""
    assert refused(post(api, body, "gzip"), log, 400, "bad_request")["field"] == "body"
    assert refused(post(api, in_pieces(body, 3), "gzip"), log, 400, "bad_request")["field"] == "body"


def test_a_gzip_body_of_the_largest_size_is_read(api: httpx2.Client, log: MemoryLog) -> None:
    """INGEST_BYTES_MAX is the limit of what is decoded: that many pass, one more does not."""
    whole = BODY + b" " * (INGEST_BYTES_MAX - len(BODY))
    assert post(api, gzip.compress(whole), "gzip").status_code == 201
    log.calls.clear()
    problem = refused(post(api, gzip.compress(whole + b" "), "gzip"), log, 413, "limit_exceeded")
    assert f"INGEST_BYTES_MAX = {INGEST_BYTES_MAX}" in problem["detail"]


@pytest.mark.parametrize("bomb", [zeros(500), zeros(100) * 5], ids=["one member", "several members"])
def test_a_bomb_costs_no_more_memory_than_the_limit(api: httpx2.Client, log: MemoryLog, bomb: bytes) -> None:
    """500 MiB in half a MiB are refused where they pass the limit: 413, and not much more than it was allocated."""
    tracemalloc.start()
    try:
        refused(post(api, bomb, "gzip"), log, 413, "limit_exceeded")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * INGEST_BYTES_MAX
    assert api.post("/v1/events", json=FIRED).status_code == 201


def test_members_without_content_are_bounded_too(api: httpx2.Client, log: MemoryLog) -> None:
    """What is received has the limit as well: empty members decode to nothing and would go on without an end."""
    empty = gzip.compress(b"")
    body = in_pieces(empty * (INGEST_BYTES_MAX // len(empty) + 1), 1 << 20)
    refused(post(api, body, "gzip"), log, 413, "limit_exceeded")


def test_without_a_body_the_header_says_nothing(api: httpx2.Client, log: MemoryLog) -> None:
    """A GET with a Content-Encoding is answered, and an empty POST is no JSON rather than no gzip."""
    assert api.get("/health/live", headers={"Content-Encoding": "br"}).status_code == 200
    refused(post(api, b"", "br"), log, 422, "contract_violation")
