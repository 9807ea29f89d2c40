// Pages from templates, in a part of Mustache's language: `{{name}}` stands for a value, escaped;
// what is between `{{#name}}` and `{{/name}}` is there for each element of an array, once for an
// object or a text, not at all for null. `{{.}}` is the element itself. Names are those of the
// innermost object, else of those around it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace coe {

// `page` and `data` are both ours: each name must be in the data, each section must end.
std::string filled_template(std::string_view page, const nlohmann::json& data);

}  // namespace coe
