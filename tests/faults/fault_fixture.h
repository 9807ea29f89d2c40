// A parent large enough that a cut of it takes a while, two masks, and the binary under test.
//
// Settings (faults/setting.h): COE_FAULT_KILLS (kills of each kind, 10), COE_FAULT_MB (size of the
// parent, 200), COE_FAULT_SEED (1). Files go where TMPDIR says.
#pragma once

#include "coe/base/file.h"

#include "faults/process.h"
#include "faults/setting.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace coe::testing {

class FaultTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  static const Path& folder() { return files_->path(); }
  static Path parent() { return folder() / "parent.gguf"; }
  // Masks 0 and 1 keep different experts, and as many.
  static Path mask(int which) { return folder() / ("mask" + std::to_string(which) + ".json"); }
  static std::uint64_t child_bytes() { return child_bytes_; }

  static std::vector<std::string> prune_command(const Path& output, int which = 0,
                                                bool force = false);
  static Exit prune(const Path& output, int which = 0, bool force = false) {
    return run_process(prune_command(output, which, force));
  }
  // Whether `coe verify` finds the child good; with `which`, as a child by that mask.
  static bool verifies(const Path& child);
  static bool verifies(const Path& child, int which);

  // Where an unfinished output lives.
  static Path temporary_of(const Path& output) {
    return output.parent_path() / ("." + output.filename().string() + ".part");
  }
  // Nothing under either name.
  static void expect_nothing(const Path& output, const std::string& when);
  // A new cut works, proves right, and tidies up.
  static void expect_recovers(const Path& output, const std::string& when);

 private:
  static std::unique_ptr<TempDir> files_;
  static std::uint64_t child_bytes_;
};

}  // namespace coe::testing
