"""Turns: a program that says "ready"; then every line it reads is a number of repeats of the work, and it
answers with the seconds of one. bench/run --turns is one; this file, run by itself, is one for the peers:

    peer_turns.py PEER WORK THREADS

So neither side sees the other's memory or threads, and a peer that fails fails alone, with its last words as
the reason.
"""
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time


TURN_S = 0.1  # least; shorter work is repeated


class Failed(Exception):
    pass


class Turns:
    def __init__(self, command, limit_s, folder):
        self.limit_s, self.repeats = limit_s, 1
        self.errors = tempfile.TemporaryFile("w+", dir=folder)
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=self.errors, text=True, bufsize=1)
        except OSError as e:
            raise Failed(str(e)) from e
        if self.answer() != "ready":
            raise self.failed("did not get ready")

    def answer(self):
        if not select.select([self.process.stdout], [], [], self.limit_s)[0]:
            raise self.failed(f"no answer in {self.limit_s:.0f} s")
        return self.process.stdout.readline().strip()

    def run(self):
        """-> seconds of one repeat; there are as many as TURN_S wants, after the first turn"""
        self.process.stdin.write(f"{self.repeats}\n")
        answer = self.answer()
        if not answer:
            raise self.failed("ended")
        seconds = float(answer)
        self.repeats = max(self.repeats, min(1000, int(TURN_S / max(seconds, 1e-6))))
        return seconds

    def failed(self, words):
        """With the last line that the program said, where there is one."""
        self.close()
        self.errors.seek(0)
        said = [line.strip() for line in self.errors if line.strip()]
        return Failed(said[-1][:200] if said else words)

    def close(self):
        self.process.kill()
        self.process.wait()


def main(label, work, threads):
    import peer_list
    peer = next(p for p in peer_list.PEERS if p.label == label)
    name, n = peer_list.split_work(work)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    run = importlib.import_module(peer.module).open_work(
        name, n, json.loads(os.environ["PEERS_SIZES"]), int(threads), peer.options)
    run()
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for _ in range(int(line)):
            run()
        print((time.perf_counter() - start) / int(line), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
