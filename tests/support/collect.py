"""Writes, for ctest, one test for each that pytest finds in the scripts of a list; does nothing where no Python file is newer.

usage: collect.py LIST OUTPUT BIN     LIST has lines `PATH TIMEOUT LABEL,...`; BIN is the folder of the programs under test
"""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def newest_source():
    found = [os.path.join(ROOT, "pytest.ini")]
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        found += [os.path.join(folder, name) for name in names if name.endswith(".py")]
        found.append(folder)  # A file that is gone.
    return max(os.path.getmtime(path) for path in found)


def collected(paths):
    """What pytest calls the tests: tests/wire/publish_test.py::Publish::test_x."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *paths]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"pytest cannot collect the tests:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return [line for line in done.stdout.splitlines() if "::" in line]


def entry(node, timeout, labels, binaries):
    name = node.removeprefix("tests/").replace(".py::", ".").replace("::", ".").replace("/", ".")
    return (
        f'add_test("{name}" "{sys.executable}" "-m" "pytest" "-q" "{node}")\n'
        f'set_tests_properties("{name}" PROPERTIES LABELS "{labels}" TIMEOUT {timeout} WORKING_DIRECTORY "{ROOT}"\n'
        f'    ENVIRONMENT "PGW_BIN={binaries};PYTHONDONTWRITEBYTECODE=1")\n'
    )


def main(list_path, output, binaries):
    with open(list_path) as file:
        scripts = {path: (timeout, labels.replace(",", ";")) for path, timeout, labels in (line.split() for line in file if line.strip())}
    if os.path.exists(output) and os.path.getmtime(output) > max(newest_source(), os.path.getmtime(list_path)):
        return
    written = f"{output}.{os.getpid()}"
    with open(written, "w") as file:
        for node in collected(list(scripts)):
            file.write(entry(node, *scripts[node.split("::")[0]], binaries))
    os.rename(written, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
