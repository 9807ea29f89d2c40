// The verbs that write files or go on from what they wrote, each as one command on small inputs.
// Kills, full disks and a second process are tried on every row (verb_fault_test.cc).
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <vector>

namespace coe::testing {

struct FaultVerb {
  std::string name;
  // Words after `coe`, with a space between. @in is the folder of inputs, @out that of outputs,
  // @model the bundled model, @url a server, @source this repository.
  std::string command;
  // Files in @out that the command leaves. Once the last is there, all are.
  std::vector<std::string> outputs;
  // The same command again reuses finished outputs. Else it refuses them.
  bool reuses = false;
  // Outputs that hold finished work: a run that goes on leaves them as they are.
  std::vector<std::string> work = {};
  // A journal: what it holds is not asked again.
  std::string journal = {};
  // Long enough that a second process must be told at once who holds the output.
  bool is_long = false;
  // Takes so long that only scripts/faults.sh tries it.
  bool is_slow = false;
  // Share of all kills.
  unsigned weight = 1;
};

std::span<const FaultVerb> fault_verbs();
// GoogleTest calls it so.
void PrintTo(const FaultVerb& verb, std::ostream* out);  // NOLINT(readability-identifier-naming)

}  // namespace coe::testing
