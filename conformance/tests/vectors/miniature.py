"""Shims of one operation, ``test.double``, right or wrong in one way: ``python miniature.py MODE``."""

import json
import sys
import time


def right(request: dict) -> dict:
    if request["operation"] != "test.double":
        return {"unsupported": True}
    number = request["inputs"]["number"]
    return {"output": {"number": 2 * number}} if number >= 0 else {"error": "bad_request"}


def main(mode: str) -> None:
    if mode == "talks_first":
        print("hello", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = right(request)
        rejects = "error" in answer
        if mode == "accepts_all" and rejects:
            answer = {"output": {"number": 0}}
        elif mode == "rejects_all" and not rejects:
            answer = {"error": "bad_request"}
        elif mode == "wrong_error" and rejects:
            answer = {"error": "malformed"}
        elif mode == "wrong_output" and not rejects:
            answer["output"]["number"] += 1
        elif mode == "extra_member" and not rejects:
            answer["output"]["more"] = True
        elif mode == "number_as_text" and not rejects:
            answer["output"]["number"] = str(answer["output"]["number"])
        elif mode == "panics" and rejects:
            answer = {"crash": "index out of range"}
        elif mode == "dies" and rejects:
            sys.exit("segmentation fault, or so")
        elif mode == "always_dies":
            sys.exit(1)
        elif mode == "hangs" and rejects:
            time.sleep(60)
        elif mode == "unknown_member":
            answer["note"] = "hello"
        elif mode == "knows_nothing":
            answer = {"unsupported": True}
        print("?" if mode == "garbage" and rejects else json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
