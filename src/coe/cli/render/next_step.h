// After a verb's result stands the command that its user would most likely type next.
#pragma once

#include "coe/base/file.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

// What a verb worked on and made, as far as it knows. What it does not know stands in the command
// as a name in capitals: PARENT.gguf, HELD-OUT.jsonl.
struct Finished {
  Path model = {};                  // that ran, was looked at or was cut
  Path parent = {};                 // of `model`, where both are there
  Path output = {};                 // what the verb made
  std::vector<Path> text = {};      // of -f, or the questions asked
  std::vector<Path> masks = {};     // that were used or compared
  std::vector<Path> profiles = {};  // that masks were made of
  std::string score = {};           // that is the best; empty: the default
  std::string heal = {};            // the method that is; empty: none
  std::string keep = "half";        // -k of what comes next
  bool is_specialist = false;       // `model` is a child of coe's
};

// "next: coe prune -m PARENT.gguf --mask web.mask.json -o web.gguf" and a newline, quoted for a
// POSIX shell; empty for verbs that leave nothing to be done. `verb` is "mask", "bench choice".
std::string next_step(std::string_view verb, const Finished& done);

}  // namespace coe::cli
