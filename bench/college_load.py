#!/usr/bin/env python3
"""Loads a running college and watches its front.

  bench/college_load.py URL FRONT_PROCESS MODEL...

1. 50 requests at once, streamed, with the first model's engine server killed among them: how many end whole, how many
   with an error in words, whether any hangs or breaks without words, and when the service is back.
2. 1,000 requests by 8 clients: the front's memory before and after.
3. A body of 200 MB, and a connection that sends a byte now and then.
Ends with 1 where a request hangs or breaks without words, the service is not back within 5 s, or the memory grows by
more than 5 MB.
"""

import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from urllib.parse import urlparse

HANG = 120


def post(url, body, timeout=HANG):
    request = urllib.request.Request(f"{url}/v1/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    return urllib.request.urlopen(request, timeout=timeout)


def outcome(url, model, n_token):
    """"whole", "error: …", or "BROKEN: …" for what a client could not make sense of."""
    try:
        with post(url, {"model": model, "prompt": "Once", "max_tokens": n_token, "stream": True}) as reply:
            text = reply.read().decode()
    except urllib.error.HTTPError as error:
        return "error: " + json.load(error)["error"]["code"]
    except Exception as error:  # a hang, or a reply that ends in the middle
        return f"BROKEN: {error!r}"
    if "data: [DONE]" in text:
        return "whole"
    last = text.strip().split("data: ")[-1]
    try:
        return "error: " + json.loads(last)["error"]["code"]
    except (json.JSONDecodeError, KeyError):
        return f"BROKEN: {last[:80]}"


def state_of(url, model):
    with urllib.request.urlopen(f"{url}/coe/status") as reply:
        return next(m for m in json.load(reply)["models"] if m["name"] == model)


def process_of(url, model):
    return state_of(url, model)["process"]


def is_ready(url, model, instead_of):
    state = state_of(url, model)
    return state["state"] == "ready" and state["process"] != instead_of


def resident(process):
    with open(f"/proc/{process}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) * 1024


def in_threads(n, work):
    threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    return threads


def kill_among_many(url, model):
    post(url, {"model": model, "prompt": "a", "max_tokens": 1}).read()
    outcomes = [None] * 50

    def ask(i):
        outcomes[i] = outcome(url, model, 64)

    threads = in_threads(50, ask)
    time.sleep(0.7)
    process = process_of(url, model)
    os.kill(process, signal.SIGKILL)
    killed = time.time()
    while not is_ready(url, model, process):
        time.sleep(0.02)
    back = time.time() - killed
    for thread in threads:
        thread.join()
    counts = {kind: outcomes.count(kind) for kind in sorted(set(outcomes))}
    print(f"50 at once, the server killed among them: {counts}; another serves after {back:.2f} s")
    return all(not kind.startswith("BROKEN") for kind in outcomes) and back < 5.0


def memory(url, front, models, n=1000):
    for model in models:
        post(url, {"model": model, "prompt": "a", "max_tokens": 1}).read()
    start, samples, failed = time.time(), [], []

    def ask(client):
        for i in range(client, n, 8):
            result = outcome(url, models[0], 4)
            if result != "whole":
                failed.append(result)
            if client == 0 and i % 80 == 0:
                samples.append(resident(front))

    for thread in in_threads(8, ask):
        thread.join()
    quarter = samples[len(samples) // 4]
    print(f"{n} requests in {time.time() - start:.0f} s, {len(failed)} not whole {failed[:2]}; the front has "
          f"{quarter / 1e6:.1f} MB after a quarter and {samples[-1] / 1e6:.1f} MB at the end")
    return not failed and samples[-1] - quarter < 5e6


def hostile(url):
    address = urlparse(url)
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n")
        connection.settimeout(10)
        reply = connection.recv(200).split(b"\r\n")[0].decode()
    print(f"200 MB announced: {reply}")
    with socket.create_connection((address.hostname, address.port)) as connection:
        start = time.time()
        try:
            while time.time() - start < HANG:
                connection.sendall(b"x")
                time.sleep(0.5)
        except OSError:
            pass
        lasted = time.time() - start
    print(f"a byte each half second: cut off after {lasted:.0f} s")
    return "413" in reply and lasted < 60


def main():
    url, front, models = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    good = [kill_among_many(url, models[0]), memory(url, front, models), hostile(url)]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
