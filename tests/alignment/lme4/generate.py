"""Write record.json anew from the installed R: run this file."""

from pathlib import Path

from pyhier.r_bridge.validation.record import write

if __name__ == "__main__":
    write("lme4", Path(__file__).parent / "record.json")
