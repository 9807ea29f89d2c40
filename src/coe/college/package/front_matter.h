// The YAML block that a model card begins with, as far as coe writes it: keys with a scalar or a
// list of scalars.
#pragma once

#include "coe/base/result.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

struct FrontMatterItem {
  std::string key;
  std::vector<std::string> values;  // one, unless it is a list
  bool is_list = false;
};

// `name` stands for the file in messages. Errors: kCorrupt, naming the line, for a card without the
// block, and for YAML beyond these forms.
Result<std::vector<FrontMatterItem>> parse_front_matter(std::string_view card,
                                                        std::string_view name);

}  // namespace coe
