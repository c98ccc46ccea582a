"""`python -m benchmarks [NAME …]`: every benchmark, or those whose name contains NAME.

Each is a script that prints figures; none passes or fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(wanted: list[str]) -> int:
    here = Path(__file__).parent
    scripts = [p for p in sorted(here.glob("*.py")) if not p.name.startswith("_")]
    for script in scripts:
        if wanted and not any(name in script.stem for name in wanted):
            continue
        print(f"\n=== {script.stem}", flush=True)
        done = subprocess.run([sys.executable, str(script)], check=False)
        if done.returncode:
            print(f"({script.stem} stopped with {done.returncode})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
