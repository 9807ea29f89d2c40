// The gallery shows what a run of the web suite drew, as one HTML page.
#pragma once

#include "coe/measure/webgen/run.h"
#include "coe/measure/webgen/task.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct WebGallery {
  std::string_view title;     // whose answers these are
  std::string_view pictures;  // folder of the screenshots, as seen from the page
  std::span<const WebAttempt> attempts;
  std::span<const WebOutcome> outcomes;  // [attempts]
  // Of the suite tried on itself: whether each outcome is as it should be, which for a wrong answer
  // is to fail. Then the page counts these. Empty: answers of a model, which should pass.
  std::vector<bool> as_expected = {};  // [attempts]
};

// No script, nothing loaded but the screenshots; light and dark, from phone to desktop.
std::string web_gallery(const WebSuite& suite, const WebGallery& gallery);

// A count is that of a category; "" stands for all.
struct WebCount {
  std::size_t n = 0;
  std::size_t n_passed = 0;
};
WebCount count_web(const WebSuite& suite, std::span<const WebOutcome> outcomes,
                   std::string_view category);

// "CSS", "JavaScript": how a category is written.
std::string_view category_title(std::string_view category);

}  // namespace coe
