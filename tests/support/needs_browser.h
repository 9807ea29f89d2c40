// Tests that start a browser are skipped where there is none, or no sandbox for it.
#pragma once

#include "coe/measure/browser/browser.h"

#include <gtest/gtest.h>

#include <string>

namespace coe::testing {

// Empty, or why pages cannot be tried here.
inline const std::string& no_browser() {
  static const std::string reason = [] {
    const auto browser = Browser::launch({});
    return browser ? std::string() : browser.error().message;
  }();
  return reason;
}

#define COE_NEEDS_BROWSER()                                                              \
  do {                                                                                   \
    if (const auto& why = coe::testing::no_browser(); !why.empty()) GTEST_SKIP() << why; \
  } while (false)

}  // namespace coe::testing
