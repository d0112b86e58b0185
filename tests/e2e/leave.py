"""Clients that leave: leave.py URL gone|stays, as half_close_is_gone says. Exits 1 if anything is left over."""
import json
import re
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request

PATIENCE_S = 60
URL = sys.argv[1]
LONG = {"prompt": "a cat", "n": 16, "candidates": 64, "guidance_scale": 2}


def metric(name):
    text = urllib.request.urlopen(f"{URL}/metrics").read().decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M).group(1))


def wait(what, test):
    until = time.monotonic() + PATIENCE_S
    while not test():
        assert time.monotonic() < until, what
        time.sleep(0.002)


def idle():
    return metric("clipgen_rows_used") == 0 and metric("clipgen_queue_pictures") == 0


def request(fields, headers=""):
    body = json.dumps(fields)
    return (f"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def connect(data):
    address = urllib.parse.urlsplit(URL)
    client = socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S)
    client.sendall(data)
    return client


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def drawn():
    """All of an answer that nobody disturbs."""
    client = connect(request({"prompt": "a cat", "seed": 7}, "Accept: image/png\r\nConnection: close\r\n"))
    return b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")[2]


def leaves(what, begin, until, end):
    """begin: what the client sends; until: what it waits for; end: how it goes."""
    before = metric("clipgen_client_aborts_total")
    client = connect(begin)
    until(client)
    end(client)
    wait(f"{what}: nobody noticed", lambda: metric("clipgen_client_aborts_total") > before)
    wait(f"{what}: rows or places are left over", idle)
    assert metric("clipgen_client_aborts_total") == before + 1, what
    assert drawn() == PICTURE, what


def at_once(client):
    time.sleep(0.05)  # until the daemon has read what there is


def when_rows_are_used(client):
    wait("nothing is drawn", lambda: metric("clipgen_rows_used") > 0)


def at_the_first_event(client):
    text = b""
    while b"event: " not in text:
        text += client.recv(65536)


def at_the_first_byte(client):
    client.recv(1)


def queued():
    """Behind others of the same client, which are served to the end."""
    first = connect(request(LONG, "Connection: close\r\n"))
    when_rows_are_used(first)
    before = metric("clipgen_client_aborts_total")
    second = connect(request({**LONG, "priority": "low"}))
    time.sleep(0.02)
    second.close()
    wait("queued: nobody noticed", lambda: metric("clipgen_client_aborts_total") > before)
    answer = b"".join(iter(lambda: first.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
    wait("queued: rows or places are left over", idle)


def asynchronous():
    """Who takes a job's id and goes has not left: the job is done."""
    client = connect(request({"prompt": "a cat"}, "Prefer: respond-async\r\nConnection: close\r\n"))
    answer = b"".join(iter(lambda: client.recv(65536), b""))
    job = json.loads(answer.partition(b"\r\n\r\n")[2])
    url = f"{URL}/v1/jobs/{job['id']}"
    wait("the job does not end", lambda: json.load(urllib.request.urlopen(url))["status"] == "succeeded")


def half_closed():
    """An answer, or none, to a client that has said all it will say."""
    client = connect(request({**LONG, "candidates": 16}, "Connection: close\r\n"))
    client.shutdown(socket.SHUT_WR)
    try:
        return b"".join(iter(lambda: client.recv(65536), b""))
    except ConnectionResetError:
        return b""


PICTURE = drawn()
if sys.argv[2] == "stays":
    assert half_closed().startswith(b"HTTP/1.1 200 ")
    sys.exit()
STREAM = {**LONG, "stream": True, "partial_images": 8}
HEADERS = b"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Ty"
for end in (socket.socket.close, reset):
    leaves("headers", HEADERS, at_once, end)
    leaves("body", request(LONG)[:-10], at_once, end)
    leaves("drawing", request(LONG), when_rows_are_used, end)
    leaves("stream", request(STREAM), at_the_first_event, end)
leaves("half-closed", request(LONG), lambda client: client.shutdown(socket.SHUT_WR), lambda client: None)
leaves("writing", request({**LONG, "return": ["tokens", "scores", "embedding"], "stream": True}), at_the_first_byte, reset)
queued()
asynchronous()
