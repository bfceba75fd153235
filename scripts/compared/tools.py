"""Runs the two tools; tells how it ended, how long it took, and which words came out."""

import glob
import json
import os
import re
import subprocess
import time

SECONDS_MAX = 60


class Ended:
    """`told`: the messages that a person would read of troubles, without summaries of what went well."""

    def __init__(self, code, seconds, told, headline):
        self.code, self.seconds, self.told, self.headline = code, seconds, told, headline

    def tells(self, *names):
        """Whether one message has all of these names, each as a word."""
        word = lambda name, text: re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
        return any(all(word(name, message) for name in names) for message in self.told)


def call(arguments, folder):
    began = time.monotonic()
    environment = {**os.environ, "XDG_CONFIG_HOME": folder, "NO_COLOR": "1"}
    with open(f"{folder}/out", "w+b") as out, open(f"{folder}/error", "w+b") as error:
        try:
            done = subprocess.run(
                arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=error, timeout=SECONDS_MAX, env=environment
            )
            code = str(done.returncode)
        except subprocess.TimeoutExpired:
            code = f"none: it did not end within {SECONDS_MAX} s"
        for file in (out, error):
            file.seek(0)
        text = [file.read().decode("utf-8", errors="replace") for file in (out, error)]
    return code, time.monotonic() - began, *text


def sensei(folder, source, target, rules, schema=""):
    plan = f'version: 1\nname: compared\nsource: {{ url: "{source}" }}\ntarget: {{ url: "{target}"{schema} }}\n{rules}'
    with open(f"{folder}/plan.yaml", "w", encoding="utf-8") as file:
        file.write(plan)
    code, seconds, out, error = call([os.environ["SENSEI"], "run", "plan.yaml", "--output", "json"], folder)
    try:
        report = json.loads(out)
    except ValueError:
        report = {}
    told = [*report.get("not_carried", []), *report.get("lossy", [])]
    rejected = []
    for path in glob.glob(f"{folder}/rejects/**/*.jsonl", recursive=True):
        rejected += open(path, encoding="utf-8").read().splitlines()
    lines = [f"{(one := json.loads(line))['table']}.{one['column'] or '*'}: {one['reason']}, {one['key']}" for line in rejected]
    fault = report.get("error", {}).get("message") or error.strip().split("\n")[0]
    headline = f"`{report['verdict']}`" if "verdict" in report else fault
    headline += f", {len(lines)} rows rejected" if lines else ""
    return Ended(code, seconds, [*told, *lines, error], headline), lines


def pgloader(folder, *arguments):
    code, seconds, out, error = call(["pgloader", "--root-dir", folder, *arguments], folder)
    # Without the moment of each message, and without the folder of this run.
    text = (out + error).replace(os.path.dirname(folder), "…")
    blocks = [re.sub(r"^\d{4}-\d\d-\d\dT\S+ ", "", block) for block in re.split(r"\n(?=\d{4}-\d\d-\d\dT)", text)]
    troubles = [block for block in blocks if re.match(r"WARNING|ERROR|FATAL", block)]
    fatal = [block.split("\n")[0] for block in troubles if not block.startswith("WARNING")]
    total = re.search(r"Total import time\s+(\S+)\s+(\d+)", out + error)
    errors = sum(int(found) for found in re.findall(r"^\s*\S+\s+(\d+)\s+\d+\s+[\d.]+ kB", out + error, re.MULTILINE))
    rows = f"{total[2]} rows" if total else "no summary of rows"
    headline = f"{rows}, {errors} errors of rows, {len(troubles)} warnings and errors"
    headline += f"; first: {fatal[0]}" if fatal else ""
    return Ended(code, seconds, troubles, headline), troubles
