// An installation of the binary under test, moved after it was made.
#pragma once

#include "support/cli_test.h"

#include <gtest/gtest.h>

#include <string>

namespace coe::testing {

class InstalledTest : public CliTest {
 protected:
  void SetUp() override {
    const auto made =
        run("'" COE_CMAKE "' --install '" COE_BUILD_DIR "' --prefix first && mv first moved");
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
};

}  // namespace coe::testing
