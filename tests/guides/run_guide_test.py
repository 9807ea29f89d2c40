#!/usr/bin/env python3
"""What run_guide.py accepts and refuses, without coe."""

import pathlib
import tempfile
import unittest

import run_guide


def checked(text):
    found = run_guide.blocks(text)
    run_guide.check(found)
    return found


class Blocks(unittest.TestCase):
    def test_runs_compares_and_marks(self):
        found = checked("a\n```sh\nls\n```\n```\nx\n```\n<!-- not run: no card -->\n```sh\ncoe\n```\n"
                        "<!-- not compared: of another run -->\n```\ny\n```\n```json\n{}\n```\n")
        self.assertEqual([(block.language, block.mark, block.reason) for block in found],
                         [("sh", "", ""), ("", "", ""), ("sh", "run", "no card"),
                          ("", "compared", "of another run"), ("json", "", "")])
        self.assertEqual((found[0].first, found[0].lines), (3, ["ls"]))

    def test_refuses_what_is_neither(self):
        for text in ("```bash\nls\n```", "```\noutput of nothing\n```", "<!-- not run: x -->\n```sh\nls\n```\n```\nx\n```",
                     "<!-- not run: -->\n```sh\nls\n```", "<!-- not run -->\n```sh\nls\n```",
                     "<!-- not ran: x -->\n```sh\nls\n```", "<!-- not run: x -->\n\n```sh\nls\n```",
                     "<!-- not run: x -->\n```json\n{}\n```", "<!-- not compared: x -->\n```sh\nls\n```",
                     "```sh\nls", "- a\n  ```sh\n  ls\n  ```", "~~~\nx\n~~~"):
            with self.assertRaises(run_guide.Wrong, msg=text):
                checked(text)


class Runs(unittest.TestCase):
    def run_one(self, text):
        found = checked(text)
        with tempfile.TemporaryDirectory() as folder:
            run_guide.run(found[0], found[1] if len(found) > 1 else None, pathlib.Path(folder), pathlib.Path("/bin/coe"))

    def test_holds_output_to_the_guide(self):
        self.run_one("```sh\necho a; echo b 12 c; echo d; echo e\n```\n```\na\nb … c\n…\n```\n")
        self.run_one("```sh\necho 'profile: 3 of 12 tokens'; echo a\n```\n```\na\n```\n")

    def test_fails_where_it_differs(self):
        for text in ("```sh\nfalse; echo a\n```\n", "```sh\nfalse | cat; echo a\n```\n", "```sh\necho $UNSET_HERE\n```\n",
                     "```sh\necho a\n```\n```\nb\n```\n", "```sh\necho a; echo b\n```\n```\na\n```\n",
                     "```sh\necho a\n```\n```\na\nb\n```\n"):
            with self.assertRaises(run_guide.Wrong, msg=text):
                self.run_one(text)


if __name__ == "__main__":
    unittest.main()
