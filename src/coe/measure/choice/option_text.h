// This finds an option in an answer by the option's own text.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Letter case, blanks, emphasis and what punctuation stands around a text do not count. An option
// without text, or with the text of another, is never found.
class OptionTexts {
 public:
  explicit OptionTexts(std::span<const std::string> options);
  std::size_t size() const { return texts_.size(); }

  // The option whose text `text` is.
  std::optional<std::size_t> equal_to(std::string_view text) const;
  // The option whose text `text` begins with; of several the longest.
  std::optional<std::size_t> begun_by(std::string_view text) const;
  // Says whether `text` begins with the text of that option.
  bool begins_with(std::string_view text, std::size_t option) const;

 private:
  bool stands_alone(std::size_t option) const;

  std::vector<std::string> texts_;  // normalised
};

}  // namespace coe
