"""Plays the service manager of a clipgend: notify.py CLIPGEND BUNDLE SOCKET. Exits 1 if it does not hear what it should."""
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request

PATIENCE_S = 60
PROGRAM, BUNDLE, PATH = sys.argv[1:]

heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
heard.bind(PATH)
heard.settimeout(PATIENCE_S)


def hear(*wanted):
    """Messages until all that are wanted have come, in this order; what is between is passed over."""
    told = []
    for words in wanted:
        while not (told and told[-1].startswith(words)):
            told.append(heard.recv(4096).decode())
    return told


def start():
    daemon = subprocess.Popen(
        [PROGRAM, "--bundle", BUNDLE, "--backend", "cpu", "--cpu-threads", "1", "--listen", "127.0.0.1:0"],
        env={**os.environ, "NOTIFY_SOCKET": PATH, "WATCHDOG_USEC": "3000000"}, stderr=subprocess.PIPE, text=True)
    lines = iter(daemon.stderr.readline, "")
    url = next(line for line in lines if "listening on" in line).split("listening on ")[1].strip()
    threading.Thread(target=daemon.stderr.read, daemon=True).start()
    return daemon, url


def draw(url, enough, statuses):
    body = b'{"prompt":"a cat","n":16,"candidates":64,"guidance_scale":2}'
    request = urllib.request.Request(f"{url}/v1/generate", body, {"Content-Type": "application/json"})
    while not enough.is_set():
        statuses.append(urllib.request.urlopen(request).status)


daemon, url = start()
try:
    told = hear(f"STATUS=loading {BUNDLE}", "EXTEND_TIMEOUT_USEC=10000000", "READY=1", "STATUS=tiny: 0 running",
                "WATCHDOG=1", "WATCHDOG=1")
    assert told.index("READY=1") > 1, told
    daemon.send_signal(signal.SIGHUP)
    hear("RELOADING=1\nMONOTONIC_USEC=", "READY=1")
    enough, statuses = threading.Event(), []
    client = threading.Thread(target=draw, args=(url, enough, statuses))
    client.start()
    hear("STATUS=tiny: 1 running")
    enough.set()
    client.join()
    daemon.send_signal(signal.SIGTERM)
    hear("STOPPING=1", "STATUS=stopping")
    assert set(statuses) == {200}, statuses
    assert daemon.wait(PATIENCE_S) == 0
finally:
    daemon.kill()
print("the service manager hears what it should")
