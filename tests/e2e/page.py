"""Drives the page of a clipgend in headless Chromium: page.py CHROMIUM URL FOLDER [KEY]. Exits 1 if anything is amiss.
KEY: of a daemon that asks for one.

Speaks the DevTools protocol over two pipes: JSON objects, each ended by a NUL byte. Standard library only.
"""
import base64
import fcntl
import json
import os
import re
import select
import subprocess
import sys
import time

PATIENCE_S = 60


class Browser:
    def __init__(self, program, folder):
        commands, self.to = os.pipe()
        self.answers, events = os.pipe()

        def give_pipes():
            """The browser reads from 3 and writes to 4, whatever numbers the pipes have."""
            moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (commands, events)]
            os.dup2(moved[0], 3)
            os.dup2(moved[1], 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", f"--user-data-dir={folder}/chromium", "--remote-debugging-pipe",
             "about:blank"],
            preexec_fn=give_pipes, close_fds=False, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(commands)
        os.close(events)
        self.text, self.n, self.session, self.complaints, self.choosers = b"", 0, None, [], 0

    def read(self):
        until = time.monotonic() + PATIENCE_S
        while b"\0" not in self.text:
            ready, _, _ = select.select([self.answers], [], [], until - time.monotonic())
            if not ready:
                raise TimeoutError("the browser says nothing")
            chunk = os.read(self.answers, 1 << 20)
            if not chunk:
                raise EOFError("the browser has ended")
            self.text += chunk
        one, self.text = self.text.split(b"\0", 1)
        return json.loads(one)

    def note(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"])
        if method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"])
        self.choosers += method == "Page.fileChooserOpened"

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.n:
                assert "error" not in answer, answer
                return answer["result"]
            self.note(answer)

    def open(self, url):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=url)

    def ask(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert "exceptionDetails" not in answer, (expression, answer)
        return answer["result"].get("value")

    def wait(self, expression):
        until = time.monotonic() + PATIENCE_S
        while not (value := self.ask(expression)):
            if time.monotonic() > until:
                raise TimeoutError(f"{expression}; the page says: {self.status()}")
            time.sleep(0.05)
        return value

    def status(self):
        return self.ask("document.getElementById('status').textContent")

    def key(self, key, modifiers=0):
        code = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowRight": 39}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers,
                      windowsVirtualKeyCode=code)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def set(self, id, value):
        self.ask(f"document.getElementById('{id}').value = {json.dumps(value)}")

    def choose_file(self, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.call("DOM.setFileInputFiles", files=[path], nodeId=node)

    def close(self):
        self.process.kill()
        self.process.wait()


CTRL = 2
CARDS = "document.querySelectorAll('#gallery figure').length"
IDLE = "!document.getElementById('draw').disabled && document.getElementById('status').textContent"


def first_src(page):
    return page.ask("document.querySelector('#gallery figure img').src")


def seeds(page):
    facts = page.ask("[...document.querySelectorAll('#gallery .facts')].map((e) => e.textContent)")
    told = [re.fullmatch(r"seed (\d+), score -?\d\.\d{3}", fact) for fact in facts]
    assert all(told), facts
    return [int(one.group(1)) for one in told]


def draw(page, n):
    before = page.ask(CARDS)
    page.key("Enter", CTRL)
    page.wait(f"{CARDS} === {before + n} && {IDLE}")
    assert not page.ask("document.getElementById('status').classList.contains('error')"), page.status()


def starts_with_the_model(page, focus="prompt"):
    page.wait("document.getElementById('model')?.textContent.includes('32 × 32')")
    assert page.ask("document.activeElement.id") == focus
    assert page.ask("document.getElementById('n').max") == "16"


def draws(page):
    page.type("a cat")
    draw(page, 4)
    found = seeds(page)
    assert found == list(range(found[0], found[0] + 4)), found
    assert first_src(page).startswith("data:image/png;base64,iVBOR")
    assert page.ask("document.querySelector('#gallery img').alt") == "a cat"


def draws_the_same_again(page):
    src, seed = first_src(page), seeds(page)[0]
    page.ask("document.querySelector('#gallery .again').click()")
    assert page.ask("document.getElementById('seed').value") == str(seed)
    page.set("n", "1")
    draw(page, 1)
    assert seeds(page)[0] == seed and first_src(page) == src


def draws_other_formats(page):
    page.set("format", "webp")
    draw(page, 1)
    assert first_src(page).startswith("data:image/webp;base64,UklGR")
    assert page.ask("document.querySelector('#gallery .save').download").endswith(".webp")
    page.set("format", "png")


def shows_partial_pictures(page):
    """Before the picture itself comes at least one of what it looks like so far."""
    page.ask("window.sources = 0; void new MutationObserver((all) => { sources += all.length; }).observe("
             "document.getElementById('gallery'), {subtree: true, attributeFilter: ['src']})")
    draw(page, 1)
    assert page.ask("sources") >= 2, page.ask("sources") # a fast model may be done before the next


def chooses_files_by_key(page):
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    page.ask("document.getElementById('drop').focus()")
    page.key("Enter")
    until = time.monotonic() + PATIENCE_S
    while not page.choosers and time.monotonic() < until:
        page.ask("0") # events come with answers
    assert page.choosers == 1
    page.call("Page.setInterceptFileChooserDialog", enabled=False)


def takes_dropped_pictures(page):
    page.ask("new Promise((done) => { const canvas = document.createElement('canvas');"
             "canvas.getContext('2d').drawImage(document.querySelector('#gallery img'), 0, 0);"
             "canvas.toBlob((blob) => { const transfer = new DataTransfer();"
             "transfer.items.add(new File([blob], 'dropped.png', {type: 'image/png'}));"
             "document.getElementById('drop').dispatchEvent("
             "new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true})); done(); }); })")
    page.wait("!document.getElementById('picture').hidden")
    draw(page, 1)
    page.ask("document.getElementById('forget').click()")


def takes_pictures(page, folder):
    path = f"{folder}/start.png"
    src = page.ask("document.querySelector('#gallery figure:last-child img').src")
    with open(path, "wb") as file:
        file.write(base64.b64decode(src.split(",")[1]))
    page.choose_file(path)
    page.wait("!document.getElementById('picture').hidden")
    draw(page, 1)
    page.ask("document.getElementById('forget').click()")
    assert page.ask("document.getElementById('picture').hidden")
    page.ask("document.querySelector('#gallery .alike').click()")
    assert not page.ask("document.getElementById('picture').hidden")
    page.set("prompt", "")
    draw(page, 1)
    page.ask("document.getElementById('forget').click()")


def slides_by_key(page):
    page.ask("document.querySelector('details').open = true")
    page.ask("document.getElementById('temperature').focus()")
    before = float(page.ask("document.getElementById('temperature').value"))
    page.key("ArrowRight")
    page.wait(f"document.getElementById('temperature').value > {before}")
    told = page.ask("document.querySelector('output[for=temperature]').value")
    assert told == f"{before + 0.05:.2f}", told
    page.ask("document.querySelector('details').open = false")


def tells_what_is_wrong(page):
    page.key("Enter", CTRL)
    page.wait(f"{IDLE} && document.getElementById('status').classList.contains('error')")
    assert page.status() == "prompt: 0 bytes is outside 1..32000", page.status()
    refusal = [c for c in page.complaints if "400" in c.get("text", "")]
    assert len(refusal) == 1, page.complaints # the browser's own word on the answer
    page.complaints.clear()


def stops(page):
    page.set("prompt", "a cat")
    page.set("n", "16")
    page.set("candidates", "64")
    page.key("Enter", CTRL)
    page.key("Escape")
    page.wait(IDLE)
    assert page.status() == "stopped", page.status()
    page.set("candidates", "")


def tabs_in_order(page):
    page.ask("document.getElementById('prompt').focus()")
    order = []
    for _ in range(5):
        page.key("Tab")
        order.append(page.ask("document.activeElement.id || document.activeElement.tagName"))
    assert order == ["drop", "seed", "n", "SUMMARY", "draw"], order


def fits_phones(page):
    page.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2,
              mobile=True)
    page.ask("document.querySelector('details').open = true")
    assert page.ask("document.documentElement.scrollWidth") <= 360
    narrow = page.ask("[...document.querySelectorAll('body *')].filter((e) => "
                      "e.getBoundingClientRect().right > 361).map((e) => e.id || e.tagName)")
    assert narrow == [], narrow


def asks_for_the_key(page, key):
    page.wait("document.getElementById('key')?.hidden === false")
    assert page.status().startswith("an API key is needed"), page.status()
    page.complaints.clear() # the browser's own word on the answer
    page.ask("document.getElementById('key').focus()")
    page.type(key)
    page.key("Tab")
    starts_with_the_model(page, focus="draw")
    assert page.status() == "", page.status()
    page.ask("document.getElementById('prompt').focus()")
    page.type("a cat")
    draw(page, 4)


def everything(page, folder):
    starts_with_the_model(page)
    draws(page)
    draws_the_same_again(page)
    draws_other_formats(page)
    shows_partial_pictures(page)
    chooses_files_by_key(page)
    takes_dropped_pictures(page)
    takes_pictures(page, folder)
    slides_by_key(page)
    tells_what_is_wrong(page)
    stops(page)
    tabs_in_order(page)
    fits_phones(page)


def main(program, url, folder, key=None):
    page = Browser(program, folder)
    try:
        page.open(url)
        if key:
            asks_for_the_key(page, key)
        else:
            everything(page, folder)
        assert not page.complaints, page.complaints # scripts that fail, and what the CSP forbids
    finally:
        page.close()


main(*sys.argv[1:])
print("the page is as it should be")
