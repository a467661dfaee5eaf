#!/usr/bin/env python3
"""Writes a screen recording's frames, five a second: a page in Chromium that rests, scrolls from second 2 to 4, and rests.

Usage: record.py URL FOLDER WIDTH HEIGHT. Talks to Chromium over its DevTools pipe (descriptors 3 and 4)."""

import base64
import json
import os
import subprocess
import sys

FPS, SECONDS, SCROLL_FROM, SCROLL_TO, DISTANCE = 5, 6, 2, 4, 700


class Browser:
    def __init__(self, width, height):
        to_read, self.out = os.pipe()
        back, to_write = os.pipe()
        self.inp = os.fdopen(back, "rb")
        command = f'exec chromium --headless --no-sandbox --window-size={width},{height} --remote-debugging-pipe 3<&{to_read} 4>&{to_write}'
        self.process = subprocess.Popen(["bash", "-c", command], pass_fds=(to_read, to_write), stderr=subprocess.DEVNULL)
        self.n = 0
        self.session = None
        target = self.call("Target.createTarget", url="about:blank", width=width, height=height)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def receive(self):
        text = b""
        while not text.endswith(b"\0"):
            text += self.inp.read(1) or sys.exit("record.py: Chromium has gone away")
        return json.loads(text[:-1])

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            reply = self.receive()
            if reply.get("id") == self.n:
                return reply["result"]

    def wait_for(self, event):
        while self.receive().get("method") != event:
            pass


url, folder, width, height = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
b = Browser(width, height)
b.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
b.call("Page.enable")
b.call("Page.navigate", url=url)
b.wait_for("Page.loadEventFired")
for i in range(FPS * SECONDS):
    part = min(1, max(0, (i / FPS - SCROLL_FROM) / (SCROLL_TO - SCROLL_FROM)))
    b.call("Runtime.evaluate", expression=f"window.scrollTo(0, {round(DISTANCE * part)})")
    shot = b.call("Page.captureScreenshot", format="png")["data"]
    with open(f"{folder}/{i:03d}.png", "wb") as f:
        f.write(base64.b64decode(shot))
b.call("Browser.close")
b.process.wait()
