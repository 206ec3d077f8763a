#!/usr/bin/python3 -B
"""compare.py FOLDER: what script/curl-suite has left there, plain beside easy and
multi. Ends with 1 when a test fails on the driver that passes as it is."""
import os
import re
import sys


def read(name):
    """Test number -> (passed, seconds), of a log of runtests.pl."""
    tests, last = {}, None
    with open(name, encoding="latin-1") as file:
        for line in file:
            start = re.match(r"test (\d+)\.\.\.", line)
            if start:
                last = int(start[1])
                tests.setdefault(last, [None, 0.0])
            took = re.search(r"OK \(\d+ +out of \d+ *, remaining: .*?, took ([\d.]+)s", line)
            if took and last is not None:
                tests[last] = [True, float(took[1])]
            failed = re.search(r"FAILED", line)
            if failed and last is not None and tests[last][0] is None:
                tests[last] = [False, 0.0]
            listed = re.match(r"TESTFAIL: These test cases failed: (.*)", line)
            if listed:
                for number in listed[1].split():
                    tests[int(number)] = [False, 0.0]
    return {number: test for number, test in tests.items() if test[0] is not None}


def transfers(name):
    found = {"transfers": 0, "of multis": 0, "ticks": 0, "oddities": []}
    if not os.path.exists(name):
        return found
    with open(name, encoding="latin-1") as file:
        for line in file:
            if " transfer " in line and "of a multi" in line:
                found["of multis"] += 1
            elif " transfer " in line:
                found["transfers"] += 1
                found["ticks"] += int(re.search(r"(\d+) ticks", line)[1]) > 0
            else:
                found["oddities"].append(line.strip())
    return found


folder = sys.argv[1]
results = {mode: read(os.path.join(folder, mode + ".log"))
           for mode in ("plain", "easy", "multi")
           if os.path.exists(os.path.join(folder, mode + ".log"))}
for mode, tests in results.items():
    passed = sum(test[0] for test in tests.values())
    print("%-6s %d run, %d passed, failed: %s" % (
        mode, len(tests), passed,
        " ".join(str(number) for number in sorted(tests) if not tests[number][0]) or "none"))
    if mode != "plain":
        seen = transfers(os.path.join(folder, mode + ".transfers"))
        print("       %(transfers)d transfers by curl_easy_perform, %(of multis)d by multi "
              "handles; %(ticks)d had a tick" % seen)
        for line in seen["oddities"]:
            print("       " + line)
plain, failed = results.get("plain", {}), False
for mode, tests in results.items():
    if mode == "plain" or not plain:
        continue
    print("%s only: %s" % (mode, " ".join(
        str(number) for number in sorted(tests)
        if not tests[number][0] and plain.get(number, [False])[0]) or "none"))
    print("%s, slower by 0.7 s or more: %s" % (mode, " ".join(
        "%d (%.1f, %.1f)" % (number, plain[number][1], tests[number][1])
        for number in sorted(tests)
        if tests[number][0] and plain.get(number, [False])[0]
        and tests[number][1] > plain[number][1] + 0.7) or "none"))
    failed = failed or any(
        not tests[number][0] and plain.get(number, [False])[0] for number in tests)
sys.exit(failed)
